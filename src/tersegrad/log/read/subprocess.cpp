#include "tersegrad/log/read/subprocess.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <utility>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

constexpr std::uint64_t gigabyte = std::uint64_t{1} << 30;
constexpr std::size_t failure_bytes = 4096;
constexpr char crashed = 0, succeeded = 1, failed = 2;  // the first of them
constexpr std::size_t chunk_bytes = 1 << 16;

/// Bounds for the child: processor time, and memory beyond what the program maps already.
void limit_resources(double processor_s) {
  const auto seconds = static_cast<rlim_t>(std::ceil(processor_s));
  const rlimit time{seconds, seconds + 1}, no_core{0, 0};
  ::setrlimit(RLIMIT_CPU, &time);
  ::setrlimit(RLIMIT_CORE, &no_core);
  unsigned long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%lu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  if (pages == 0) return;
  const rlim_t limit = pages * static_cast<unsigned long>(::sysconf(_SC_PAGESIZE)) + 8 * gigabyte;
  const rlimit memory{limit, limit};
  ::setrlimit(RLIMIT_AS, &memory);
}

/// A crash ends the child at once: others' handlers (Open MPI's prints a stack) want memory, whose locks the crash may
/// have left closed. Sanitizers keep theirs, which do not.
void crash_at_once() {
#if !defined(TERSEGRAD_SANITIZED)
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) ::signal(signal, SIG_DFL);
#endif
  ::signal(SIGXCPU, SIG_DFL);  // the limit's own: a run's handler would only take a note of it
}

void write_all(int out, const char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t part = ::write(out, bytes, count);
    if (part < 0 && errno == EINTR) continue;
    if (part <= 0) ::_exit(1);  // nobody reads any more
    bytes += part;
    count -= static_cast<std::size_t>(part);
  }
}

[[noreturn]] void child(int out, char* failure, double processor_s,
                        const std::function<void(const Subprocess::Put&)>& work) {
  const int nowhere = ::open("/dev/null", O_WRONLY);  // "free(): invalid pointer" is no message for users
  if (nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);
  crash_at_once();
  try {
    limit_resources(processor_s);
    std::string waiting;
    work([&](const void* bytes, std::size_t count) {
      waiting.append(static_cast<const char*>(bytes), count);
      if (waiting.size() < chunk_bytes) return;
      write_all(out, waiting.data(), waiting.size());
      waiting.clear();
    });
    write_all(out, waiting.data(), waiting.size());
    failure[0] = succeeded;
  } catch (const std::exception& error) {
    std::snprintf(failure + 1, failure_bytes - 1, "%s", error.what());
    failure[0] = failed;
  }
  ::_exit(0);
}

}  // namespace

Subprocess::Subprocess(std::string subject, double processor_s, const std::function<void(const Put&)>& work)
    // Ten times as long by the clock: on a busy machine a child that works may well wait for a processor.
    : subject_(std::move(subject)), silence_s_(10 * processor_s) {
  int ends[2] = {-1, -1};
  void* shared = ::mmap(nullptr, failure_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared != MAP_FAILED && ::pipe2(ends, O_CLOEXEC) == 0) {
    std::fflush(nullptr);  // what is buffered must not be printed twice
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(1);
      ::close(ends[0]);
      child(ends[1], static_cast<char*>(shared), processor_s, work);
    }
  }
  const int reason = errno;
  if (ends[1] >= 0) ::close(ends[1]);
  in_ = ends[0];
  failure_ = shared == MAP_FAILED ? nullptr : static_cast<char*>(shared);
  if (pid_ > 0) return;
  if (in_ >= 0) ::close(in_);
  if (failure_ != nullptr) ::munmap(failure_, failure_bytes);
  throw Error(concat("cannot start a process to read ", subject_, ": ", std::strerror(reason)));
}

Subprocess::~Subprocess() {
  ::close(in_);
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  ::munmap(failure_, failure_bytes);
}

std::size_t Subprocess::read(void* to, std::size_t count) {
  std::size_t got = 0;
  while (got < count && pid_ > 0) {
    pollfd waiting{in_, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::min(silence_s_ * 1000, 1e9)));
    if (ready < 0 && errno == EINTR) continue;
    const ssize_t part = ready <= 0 ? 0 : ::read(in_, static_cast<char*>(to) + got, count - got);
    if (part < 0 && errno == EINTR) continue;
    if (part <= 0)
      end(/*in_time=*/ready > 0);
    else
      got += static_cast<std::size_t>(part);
  }
  return got;
}

void Subprocess::end(bool in_time) {
  if (!in_time) ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) in_time = false;
  TERSEGRAD_CHECK(in_time, subject_, " is damaged (reading it does not end)");
  TERSEGRAD_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0 && failure_[0] != crashed, subject_,
                  " is damaged (reading it crashes)");
  if (failure_[0] == failed) throw Error(failure_ + 1);
}

std::string run_in_subprocess(const std::string& subject, double processor_s, const std::function<std::string()>& work) {
  Subprocess process(subject, processor_s, [&](const Subprocess::Put& put) {
    const std::string answer = work();
    put(answer.data(), answer.size());
  });
  std::string answer;
  for (std::size_t used = 0;;) {
    answer.resize(used + std::max(chunk_bytes, used));
    const std::size_t got = process.read(answer.data() + used, answer.size() - used);
    used += got;
    if (used == answer.size()) continue;
    answer.resize(used);
    return answer;
  }
}

}  // namespace tersegrad
