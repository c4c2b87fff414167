// The one heartbeat: whatever takes long (reading a large file, a network's forward, a checkpoint) says that it goes on.
// Whoever watches over the run listens: comm/monitor/watchdog.hpp, and for the length of an evaluation train's evaluation.
#pragma once

namespace tersegrad {

/// Called now and then; must be cheap. It may throw where the work is not wanted any more: whoever tells of its
/// progress lets that pass, as any other exception.
using ProgressListener = void (*)();

/// Of this thread; null: nobody listens.
inline thread_local ProgressListener progress_listener = nullptr;

/// For whoever reads or computes piece by piece, at least once a second.
inline void tell_progress() {
  if (progress_listener != nullptr) progress_listener();
}

}  // namespace tersegrad
