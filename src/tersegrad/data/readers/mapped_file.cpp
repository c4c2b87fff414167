#include "tersegrad/data/readers/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstring>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

/// Where this thread goes on if mapped bytes are not there; null: it reads none.
thread_local sigjmp_buf* volatile way_out = nullptr;

struct sigaction earlier_action {};

void on_bus_error(int signal, siginfo_t*, void*) {
  if (way_out != nullptr) siglongjmp(*way_out, 1);
  // Not ours. Blocked while this handler runs, the signal meets whoever was here before as soon as it returns.
  ::sigaction(SIGBUS, &earlier_action, nullptr);
  ::raise(signal);
}

/// Once per process, before the first mapping.
void watch_bus_errors() {
  [[maybe_unused]] static const bool watched = [] {
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    return ::sigaction(SIGBUS, &action, &earlier_action) == 0;
  }();
}

}  // namespace

bool read_mapped(void (*read)(void*), void* what) {
  sigjmp_buf here;
  if (sigsetjmp(here, 0) != 0) {  // without the signal mask, which would cost a system call each time
    way_out = nullptr;
    sigset_t bus;
    ::sigemptyset(&bus);
    ::sigaddset(&bus, SIGBUS);
    ::pthread_sigmask(SIG_UNBLOCK, &bus, nullptr);
    return false;
  }
  way_out = &here;
  read(what);
  way_out = nullptr;
  return true;
}

MappedFile::MappedFile(const std::filesystem::path& path) : name_(path.string()) {
  watch_bus_errors();
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  TERSEGRAD_CHECK(descriptor_ >= 0, "'", name_, "' cannot be opened: ", std::strerror(errno));
  const auto fail = [&](const std::string& what) {
    ::close(descriptor_);
    throw Error(concat("'", name_, "' ", what));
  };
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) fail("is not a regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;
  void* const begin = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor_, 0);
  if (begin == MAP_FAILED) {
    fail(concat("cannot be mapped: ", std::strerror(errno), " (", size,
                " bytes of address space; see 'ulimit -v' where that is limited)"));
  }
  bytes_ = {static_cast<const std::uint8_t*>(begin), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size());
  ::close(descriptor_);
}

void MappedFile::release(std::uint64_t at, std::uint64_t length) const {
  // The system maps pages around the one that is touched, but none beyond its page table.
  constexpr std::uintptr_t table = std::uintptr_t{2} << 20;
  const auto file = reinterpret_cast<std::uintptr_t>(bytes_.data());
  const std::uintptr_t begin = std::max(file, (file + at) / table * table);
  const std::uintptr_t end = std::min(file + bytes_.size(), (file + at + length + table - 1) / table * table);
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

void MappedFile::fail_reading(std::uint64_t at) const {
  struct stat status {};
  if (::fstat(descriptor_, &status) == 0 && static_cast<std::uint64_t>(status.st_size) < bytes_.size()) {
    throw Error(concat("'", name_, "' was cut short while it was in use: it has ", status.st_size, " bytes and had ",
                       bytes_.size(), "; put the whole file back (by renaming, not by writing into it)"));
  }
  throw Error(concat("'", name_, "' cannot be read at byte ", at, " any more: its disk or file server fails"));
}

}  // namespace tersegrad
