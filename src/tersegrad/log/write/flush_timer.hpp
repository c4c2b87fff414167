// When buffered log data goes to the file.
#pragma once

#include <algorithm>
#include <chrono>

namespace tersegrad {

/// Due every two seconds, and more rarely where flushing is slow: never more than 1 % of the time goes into it.
class FlushTimer {
 public:
  using Clock = std::chrono::steady_clock;

  bool due() const { return Clock::now() >= next_; }

  /// Runs `flush` and sets the next time by what it cost.
  template <class Flush>
  void run(Flush&& flush) {
    const auto start = Clock::now();
    flush();
    const auto end = Clock::now();
    next_ = end + std::max<Clock::duration>(std::chrono::seconds(2), 100 * (end - start));
  }

 private:
  Clock::time_point next_ = Clock::now() + std::chrono::seconds(2);
};

}  // namespace tersegrad
