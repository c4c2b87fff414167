// Long work that no part above knows of (reading a large file) says that it gets on.
#pragma once

namespace tersegrad {

/// Called now and then; must be cheap.
using ProgressListener = void (*)();

/// Of this thread; null: nobody listens.
inline thread_local ProgressListener progress_listener = nullptr;

/// For whoever reads or computes piece by piece, at least once a second.
inline void tell_progress() {
  if (progress_listener != nullptr) progress_listener();
}

}  // namespace tersegrad
