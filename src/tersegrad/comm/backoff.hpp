// How a rank waits: it looks, and between looks gives its core to whoever computes.
#pragma once

#include <chrono>

namespace tersegrad {

/// Spins with sched_yield for 100 µs (the peer is often just behind), then sleeps in steps of 20 to 100 µs: short
/// beside any message worth compressing, long beside a look. One object per wait; `pause` after each fruitless look.
class Backoff {
 public:
  Backoff() : start_(std::chrono::steady_clock::now()) {}
  void pause();

 private:
  std::chrono::steady_clock::time_point start_;
  long sleep_ns_ = 20'000;
};

}  // namespace tersegrad
