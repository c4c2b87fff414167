#include "tersegrad/core/system/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>

namespace tersegrad {
namespace {

extern "C" void end_as_if_told(int) {
  std::signal(SIGPIPE, SIG_IGN);  // once: every line that nobody reads would bring another
  std::raise(SIGTERM);
}

}  // namespace

void open_standard_streams() {
  // open() takes the lowest number that is free: all three are open once it takes a higher one.
  int opened = 0;
  do {
    opened = ::open("/dev/null", O_RDWR);
  } while (opened >= 0 && opened <= STDERR_FILENO);
  if (opened >= 0) ::close(opened);
}

void lost_reader_is_sigterm() { std::signal(SIGPIPE, end_as_if_told); }

bool flush_standard_output() {
  std::cout.flush();
  return std::fflush(stdout) == 0 && !std::ferror(stdout) && std::cout.good();
}

}  // namespace tersegrad
