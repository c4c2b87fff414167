// Long work that no part above knows of (reading a large file, a network's forward) says that it gets on.
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
