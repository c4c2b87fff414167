#include "tersegrad/core/system/process_memory.hpp"

#include <cstdio>
#include <fstream>
#include <string>

namespace tersegrad {

std::int64_t peak_memory_bytes() {
  // Not getrusage: its maximum outlives exec, so it may be that of the program that started this one.
  std::ifstream status("/proc/self/status");
  long long kilobytes = 0;
  for (std::string line; std::getline(status, line);) {
    if (std::sscanf(line.c_str(), "VmHWM: %lld kB", &kilobytes) == 1) return 1024 * kilobytes;
  }
  return 0;
}

}  // namespace tersegrad
