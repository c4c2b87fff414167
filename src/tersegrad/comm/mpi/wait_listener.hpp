// Waits for other ranks, told to whoever watches that the job goes on (the Watchdog).
#pragma once

namespace tersegrad {

/// Told as a wait begins, again and again while it lasts, and as it ends; must be cheap. `lasts` may throw where nobody
/// answers any more: the wait lets that pass.
struct WaitListener {
  void (*begins)() = nullptr;
  void (*lasts)() = nullptr;
  void (*ends)() = nullptr;
};

/// Of this thread's waits, as progress_listener (core/progress.hpp) is of its work; null: nobody listens.
inline thread_local const WaitListener* wait_listener = nullptr;

/// A wait inside a blocking MPI call.
class Waiting {
 public:
  Waiting() {
    if (wait_listener != nullptr) wait_listener->begins();
  }
  ~Waiting() {
    if (wait_listener != nullptr) wait_listener->ends();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
};

}  // namespace tersegrad
