#include "tersegrad/comm/backoff.hpp"

#include <sched.h>
#include <time.h>

#include <algorithm>

namespace tersegrad {

void Backoff::pause() {
  if (std::chrono::steady_clock::now() - start_ < std::chrono::microseconds(100)) {
    ::sched_yield();
    return;
  }
  const timespec pause{0, sleep_ns_};
  ::nanosleep(&pause, nullptr);
  sleep_ns_ = std::min(sleep_ns_ + 10'000, 100'000L);
}

}  // namespace tersegrad
