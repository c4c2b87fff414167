// What happens to a run's files when the disk, the folder's rights or the process fail.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include "tersegrad/core/system/file.hpp"
#include "tersegrad/log/read/run_file.hpp"
#include "tersegrad/log/write/output_folder.hpp"
#include "tests/log/synthetic_run.hpp"

namespace tersegrad {
namespace {

using namespace testing;

struct Outcome {
  std::string error;    // text of the Error that the work threw; empty: none
  std::string printed;  // what came on standard error, to the very end of the process
};

/// Runs `work` in a child process, which ends as a program ends.
template <class Work>
Outcome in_child(const std::filesystem::path& folder, Work&& work) {
  const auto thrown = folder / "thrown.txt", printed = folder / "printed.txt";
  write_file(thrown, "");
  write_file(printed, "");
  const int error_file = ::open(thrown.c_str(), O_WRONLY), print_file = ::open(printed.c_str(), O_WRONLY);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(print_file, STDERR_FILENO);
    try {
      work();
    } catch (const Error& error) {
      const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
      ::setrlimit(RLIMIT_FSIZE, &none);
      if (::write(error_file, error.what(), std::strlen(error.what())) < 0) ::_exit(1);
    }
    std::exit(0);
  }
  ::close(error_file);
  ::close(print_file);
  int status = -1;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return {read_file(thrown), read_file(printed)};
}

void write_much(const std::filesystem::path& folder, const std::vector<std::string>& sinks) {
  Synthetic run;
  run.steps = 20000;
  write_synthetic(folder, run, true, sinks);
}

class FailureTest : public FolderTest {};

TEST_F(FailureTest, FullDeviceIsOneErrorOfTheTextSinks) {
  // /dev/full answers every write with "No space left on device".
  for (const std::string sink : {"csv", "jsonl"}) {
    const auto folder = folder_ / sink;
    std::filesystem::create_directories(folder);
    std::filesystem::create_symlink("/dev/full", folder / ("metrics." + sink + ".part"));
    const std::string error = error_of([&] { write_much(folder, {sink}); });
    EXPECT_TRUE(contains(error, "metrics." + sink + ".part")) << error;
    EXPECT_TRUE(contains(error, "No space left on device")) << error;
    EXPECT_FALSE(std::filesystem::exists(folder / ("metrics." + sink)));
  }
  std::filesystem::create_symlink("/dev/full", folder_ / "summary.json.part");
  const std::string error = error_of([&] { write_much(folder_, {"summary"}); });
  EXPECT_TRUE(contains(error, "summary.json") && contains(error, "No space left")) << error;
}

TEST_F(FailureTest, FileThatMayNotGrowIsOneErrorOfEverySink) {
  for (const std::string sink : {"csv", "hdf5", "jsonl"}) {
    for (const rlim_t limit : {100u, 3000u, 20000u, 70000u, 300000u}) {
      SCOPED_TRACE(concat(sink, " ", limit));
      const auto folder = folder_ / concat(sink, limit);
      const Outcome outcome = in_child(folder_, [&] {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limits{limit, RLIM_INFINITY};
        ::setrlimit(RLIMIT_FSIZE, &limits);
        write_much(folder, {sink});
      });
      EXPECT_TRUE(contains(outcome.error, "File too large")) << outcome.error;
      EXPECT_TRUE(contains(outcome.error, ".part")) << outcome.error;
      EXPECT_EQ(outcome.printed, "");  // nothing of HDF5's own, also not at the end of the process
      for (const char* name : {"run.h5", "metrics.csv", "metrics.jsonl"})
        EXPECT_FALSE(std::filesystem::exists(folder / name));
    }
  }
}

TEST_F(FailureTest, FullFileSystemIsOneErrorOfTheHdf5Sink) {
  for (const int kilobytes : {4, 20, 48, 120, 400, 1000}) {
    SCOPED_TRACE(kilobytes);
    const auto folder = folder_ / "mount";
    std::filesystem::create_directories(folder);
    const Outcome outcome = in_child(folder_, [&] {
      // In mount tables of its own: nothing to undo.
      const bool mounted = ::unshare(CLONE_NEWNS) == 0 &&
                           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                           ::mount("tmpfs", folder.c_str(), "tmpfs", 0, concat("size=", kilobytes, "k").c_str()) == 0;
      TERSEGRAD_CHECK(mounted, "cannot mount");
      write_much(folder, {"hdf5"});
    });
    if (outcome.error == "cannot mount") GTEST_SKIP() << "needs the right to mount a tmpfs";
    EXPECT_TRUE(contains(outcome.error, "No space left on device")) << outcome.error;
    EXPECT_TRUE(contains(outcome.error, "run.h5.part")) << outcome.error;
    EXPECT_EQ(outcome.printed, "");
  }
}

TEST_F(FailureTest, ReadOnlyFolderIsOneErrorBeforeAnyTraining) {
  const auto folder = folder_ / "read-only";
  std::filesystem::create_directories(folder);
  std::filesystem::permissions(folder, std::filesystem::perms(0555));
  const auto as_nobody = [&](const std::function<void()>& work) {
    return in_child(folder_, [&] {
      if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) throw Error("cannot change the user");
      work();
    });
  };
  const Outcome claim = as_nobody([&] { OutputFolder claimed(folder, ExistingRun::refuse); });
  EXPECT_TRUE(contains(claim.error, "read-only") && contains(claim.error, "Permission denied")) << claim.error;
  const Outcome inside = as_nobody([&] { OutputFolder claimed(folder / "a" / "b", ExistingRun::refuse); });
  EXPECT_TRUE(contains(inside.error, "a/b") && contains(inside.error, "Permission denied")) << inside.error;
  for (const std::string sink : {"csv", "hdf5", "jsonl"}) {
    const Outcome outcome = as_nobody([&] { Log log({sink}); log.begin(synthetic_info(folder, {})); });
    EXPECT_TRUE(contains(outcome.error, "Permission denied")) << outcome.error;
    EXPECT_EQ(outcome.printed, "");
  }
}

/// Writes records without end into `folder`, flushing every so many as before a checkpoint. \param safe  receives the
/// number of records that were flushed
[[noreturn]] void write_for_ever(const std::filesystem::path& folder, const Synthetic& run,
                                 std::atomic<std::int64_t>& safe) {
  Log log({"csv", "hdf5"});
  log.begin(synthetic_info(folder, run));
  for (std::int64_t step = 1;; ++step) {
    log.write(synthetic_record(run, step));
    if (step % 100 != 0) continue;
    log.flush();
    safe = step;
  }
}

TEST_F(FailureTest, KilledRunLeavesTheRecordsInFrontOfTheLastFlush) {
  // A kill can tear a write of HDF5's own: then metrics.csv has the records. The files grow all the time here, which
  // makes that likelier than in any run.
  static_assert(std::atomic<std::int64_t>::is_always_lock_free);
  Synthetic run;
  run.steps = 1000000000;
  void* const shared =
      ::mmap(nullptr, sizeof(std::atomic<std::int64_t>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& safe = *new (shared) std::atomic<std::int64_t>(0);
  int of_hdf5 = 0;
  constexpr int rounds = 12;
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(round);
    const auto folder = folder_ / std::to_string(round);
    std::filesystem::create_directories(folder);
    safe = 0;
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // it ends with the test, however that ends
      write_for_ever(folder, run, safe);
    }
    while (safe == 0 && ::waitpid(pid, nullptr, WNOHANG) == 0) ::usleep(1000);
    ASSERT_GT(safe, 0);  // or it has ended by itself
    ::usleep(static_cast<useconds_t>(1000 + 17000 * round));
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);

    const auto past = PastRecords::find({folder / "run.h5.part", folder / "metrics.csv.part"},
                                        synthetic_info(folder, run).columns, {safe, safe});
    std::int64_t step = 0;
    past.each([&](const std::vector<double>& got) {
      const auto wanted = synthetic_record(run, ++step);
      for (std::size_t c = 0; c < wanted.size(); ++c) {
        ASSERT_TRUE(got[c] == wanted[c] || (std::isnan(got[c]) && std::isnan(wanted[c])))
            << "step " << step << " column " << c;
      }
    });
    EXPECT_EQ(step, safe);
    if (past.remark().empty()) {
      ++of_hdf5;
      EXPECT_FALSE(RunFile::open(folder).finished());
    }
  }
  ::munmap(shared, sizeof safe);
  EXPECT_GT(of_hdf5, rounds / 2);
}

}  // namespace
}  // namespace tersegrad
