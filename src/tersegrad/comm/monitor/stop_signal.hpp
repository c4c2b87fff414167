// Signals that end a run cleanly.
#pragma once

#include "tersegrad/comm/mpi/communicator.hpp"

namespace tersegrad {

/// While one lives, these signals only leave a note; a second SIGINT ends the process as usual. The outermost one
/// counts: a program that makes one as it starts keeps the notes of its set-up for the run that follows.
///
/// - SIGTERM, SIGINT: what everybody sends.
/// - SIGUSR1, SIGUSR2: what batch systems are told to send ahead of the end (Slurm's --signal=USR1@120; Grid Engine's
///   -notify: USR1 ahead of a suspension, after which the job may be killed, USR2 ahead of the end; LSF's USR2 at the
///   time limit). By default either would kill the process, and the steps since its last checkpoint would be lost.
/// - SIGXCPU: the soft limit of processor time (ulimit -S -t, Grid Engine's s_cpu); the hard one kills.
/// - SIGHUP: the terminal or the connection is gone. Where it was ignored as the process started (nohup), it stays so.
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
