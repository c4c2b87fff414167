// SIGTERM and SIGINT end a run cleanly.
#pragma once

namespace tersegrad {

/// While it lives, SIGTERM and SIGINT only leave a note; a second SIGINT ends the process as usual. One at a time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  /// The signal that came, 0 if none.
  static int received();
};

}  // namespace tersegrad
