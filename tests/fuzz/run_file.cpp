// The file of a run, read as `compare` reads it: in a process of its own, because the HDF5 library itself can crash.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <limits>
#include <utility>

#include "fuzz/folder.hpp"
#include "tersegrad/log/read/subprocess_reader.hpp"
#include "tersegrad/log/write/log.hpp"

// Where clang's -fsanitize-coverage counts; the linker names the section's ends. Null in other programs.
extern "C" __attribute__((weak)) std::uint8_t __start___sancov_cntrs[], __stop___sancov_cntrs[];

namespace tersegrad::fuzz {
namespace {

/// The reader works in a child process. Its counts are libFuzzer's only if they are in memory that both have: the
/// section's whole pages are; what shares a page with other data stays.
bool share_counters() {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(__start___sancov_cntrs) + page - 1) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(__stop___sancov_cntrs) / page * page;
  if (begin >= end) return false;
  auto* const counters = reinterpret_cast<std::uint8_t*>(begin);
  const Bytes before(counters, counters + (end - begin));
  require(::mmap(counters, before.size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
              counters,
          "no memory to share");
  std::memcpy(counters, before.data(), before.size());
  return true;
}

const std::vector<std::string> read_series{"step", "loss", "time_s", "test_accuracy"};

}  // namespace

void one_input(std::span<const std::uint8_t> input) {
  static const Folder folder;
  [[maybe_unused]] static const bool shared = share_counters();
  const auto path = folder.path() / "run.h5";
  put(path, input);
  refused_or_read([&] {
    const RunData run = read_in_subprocess(path, read_series);
    require(run.records >= 0, "records");
    for (const auto& [name, values] : run.series) {
      require(static_cast<std::int64_t>(values.size()) == run.records, "a series of another length");
    }
  });
}

std::vector<Bytes> seeds() {
  const Folder folder;
  std::vector<Bytes> all;
  for (const auto& [finish, records] : {std::pair{true, 20}, {false, 20}, {true, 0}}) {
    const auto place = folder.path() / concat(finish ? "whole" : "part", records);
    std::filesystem::create_directories(place);
    {
      Log log({"hdf5"});
      RunInfo info;
      info.folder = place;
      info.steps = 20;
      info.configuration = {{"model", std::string("mlp"), ""}, {"agents", std::int64_t{4}, ""}, {"lr", 0.1, ""},
                            {"batch", std::int64_t{32}, "rows"}, {"overlap", false, ""}};
      info.columns = {{"step", "", "updates"}, {"loss", "", "mean loss"}, {"time_s", "s", "time"}};
      log.begin(info);
      for (int step = 1; step <= records; ++step) {
        log.write(
            {static_cast<double>(step), 1.0 / step, step == 7 ? std::numeric_limits<double>::quiet_NaN() : 0.1 * step});
      }
      if (finish) log.finish({{"diverged", false, ""}, {"time_total_s", 2.0, "s"}});
    }
    all.push_back(content_of(place / (finish ? "run.h5" : "run.h5.part")));
  }
  return all;
}

}  // namespace tersegrad::fuzz
