// SIGTERM and SIGINT end a run cleanly.
#pragma once

#include "tersegrad/comm/communicator.hpp"

namespace tersegrad {

/// While one lives, SIGTERM and SIGINT only leave a note; a second SIGINT ends the process as usual. The outermost one
/// counts: a program that makes one as it starts keeps the notes of its set-up for the run that follows.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  /// The signal that came, 0 if none.
  static int received();
  /// Whether any rank has received one. Collective.
  static bool on_any_rank(const Communicator& comm);
};

}  // namespace tersegrad
