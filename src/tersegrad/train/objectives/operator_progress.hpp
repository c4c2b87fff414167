// A pass through a network tells of its progress at every LibTorch operator, whatever the network.
#pragma once

#include <cstdint>

namespace tersegrad {

/// While it follows, each operator that this thread calls, forward, backward (LibTorch runs a CPU's in the calling thread)
/// or otherwise, calls tell_progress() first; what a listener throws there is dropped, as LibTorch cannot be left from
/// its callbacks.
class OperatorProgress {
 public:
  OperatorProgress() = default;
  ~OperatorProgress() { follow(false); }
  OperatorProgress(const OperatorProgress&) = delete;
  OperatorProgress& operator=(const OperatorProgress&) = delete;

  /// On the thread that made it.
  void follow(bool wanted);

 private:
  bool follows_ = false;
  std::uint64_t handle_ = 0;
};

}  // namespace tersegrad
