// Too little address space or data (ulimit -v, -d) is said in one line, before OpenBLAS can stand still over it: its
// constructor asks for a buffer again and again until it gets it.
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr rlim_t mib = 1 << 20;

/// What is mapped already: the program and its libraries.
rlim_t mapped_bytes() {
  char text[64] = "";
  const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t got = ::read(file, text, sizeof text - 1);
  ::close(file);
  return got > 0 ? std::strtoull(text, nullptr, 10) * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

/// The C library does not know the environment yet: it is handed over.
const char* variable(char** environment, const char* name) {
  const std::size_t length = std::strlen(name);
  for (; *environment != nullptr; ++environment) {
    if (std::strncmp(*environment, name, length) == 0 && (*environment)[length] == '=') return *environment + length + 1;
  }
  return nullptr;
}

/// OpenBLAS starts so many, each with a buffer and a stack.
rlim_t blas_threads(char** environment) {
  cpu_set_t cores;
  const int usable = ::sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
  for (const char* name : {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"}) {
    const char* value = variable(environment, name);
    if (const int number = value != nullptr ? std::atoi(value) : 0; number > 0) return static_cast<rlim_t>(std::min(number, usable));
  }
  return static_cast<rlim_t>(usable);
}

void require(int resource, const char* name, rlim_t needed, char** environment) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= needed) return;
  const char* rank = variable(environment, "OMPI_COMM_WORLD_RANK");
  if (rank != nullptr && std::strcmp(rank, "0") != 0) {
    ::sleep(1);  // rank 0 speaks for all; mpirun ends it as soon as another one has failed
    ::_exit(1);
  }
  char line[256];
  const int length = std::snprintf(line, sizeof line,
                                   "tersegrad: ulimit %s is %llu MiB, and LibTorch and its BLAS need %llu MiB to start with "
                                   "%llu thread(s); raise it%s\n",
                                   name, static_cast<unsigned long long>(limit.rlim_cur / mib),
                                   static_cast<unsigned long long>(needed / mib + 1),
                                   static_cast<unsigned long long>(blas_threads(environment)),
                                   blas_threads(environment) > 1 ? ", or set OMP_NUM_THREADS=1" : "");
  if (::write(STDERR_FILENO, line, static_cast<std::size_t>(length)) < 0) ::_exit(1);
  ::_exit(1);
}

/// Before the constructors of all libraries: nothing but the C library's plainest calls works here.
void check_limits(int, char**, char** environment) {
  const rlim_t own = 128 * mib + 136 * mib * blas_threads(environment);
  require(RLIMIT_AS, "-v", mapped_bytes() + own, environment);
  require(RLIMIT_DATA, "-d", own, environment);
}

[[gnu::section(".preinit_array"), gnu::used]] void (*const before_all)(int, char**, char**) = check_limits;

}  // namespace
