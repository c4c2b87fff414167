#include "tersegrad/comm/mpi/backoff.hpp"

#include <sched.h>
#include <time.h>

#include <algorithm>

#include "tersegrad/comm/mpi/wait_listener.hpp"

namespace tersegrad {

void Backoff::pause() {
  if (std::chrono::steady_clock::now() - start_ < std::chrono::microseconds(100)) {
    ::sched_yield();
    return;
  }
  if (!waiting_) {
    waiting_ = true;
    if (wait_listener != nullptr) wait_listener->begins();
  }
  if (wait_listener != nullptr) wait_listener->lasts();
  const timespec pause{0, sleep_ns_};
  ::nanosleep(&pause, nullptr);
  sleep_ns_ = std::min(sleep_ns_ + 10'000, 100'000L);
}

void Backoff::reset() {
  if (waiting_ && wait_listener != nullptr) wait_listener->ends();
  waiting_ = false;
  start_ = std::chrono::steady_clock::now();
  sleep_ns_ = 20'000;
}

}  // namespace tersegrad
