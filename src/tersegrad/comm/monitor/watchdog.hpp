// Ends a job in which nothing moves any more, and names the rank that holds it up.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tersegrad/comm/mpi/communicator.hpp"

namespace tersegrad {

/// While it lives on every rank, a rank that makes no progress for T seconds ends the job, with one line on standard
/// error (Communicator::abort). One at a time on each thread; on one without, the static calls do nothing.
///
/// A rank's own thread watches its main thread from outside: one that neither waits in a Backoff nor calls tell_progress()
/// (core/progress.hpp) for T seconds is stuck (an endless loop, a file that never answers), and says so. A rank whose
/// threads all stand still, or whose host is out of reach, cannot: the ranks that wait send each other signs of life
/// through rank 0 once a wait is longer than T/4 (ranks that compute do so in tell_progress()), and rank 0 names after
/// 1.25 T + 1 s those it does not hear from.
/// Rank 0 itself is taken for lost after 1.5 T + 2 s, by the first rank that is on another host (on one host: by rank
/// 1), because until its abort has reached all hosts, which takes a launcher 2 s, every other rank would say so as
/// well; they do 3 s behind it, in case it is lost too. So the job ends within 1.5 T + 3 s, or 1.5 T + 6 s where both
/// are lost. Between T/4-long waits nothing is sent.
///
/// It listens to the progress and the waits of the thread that made it: the main one, which communicates.
class Watchdog {
 public:
  /// Collective. \param timeout_s T; 0: watches nothing
  Watchdog(const Communicator& comm, double timeout_s);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// Progress: step `step` (counted from 1) begins.
  static void begin_step(std::int64_t step);

 private:
  /// Listens to tell_progress(): called between pieces of work that take less than T each, by readers, networks (forward
  /// layer by layer, backward parameter by parameter, slow ones operator by operator), compressors and checkpoints.
  static void heartbeat();
  /// Listen to the waits of Backoff, and of calls that wait inside MPI.
  static void begin_wait();
  static void keep_waiting();
  static void end_wait();

  struct Heartbeat {
    std::int32_t rank = 0;
    std::int32_t waits = 0;  ///< 1: for longer than T
  };
  struct LastHeard {
    double heard_s = 0;
    bool waits = false;
  };

  double now() const;
  void moved();
  void exchange_heartbeats(double now);
  void send_heartbeat(int to, double now);
  void judge(double now);
  void watch();
  std::string place() const;

  const Communicator& comm_;
  double timeout_s_;
  std::int64_t start_ns_;
  int first_accuser_ = 0;  ///< the rank that takes rank 0 for lost before the others do
  std::atomic<std::int64_t> step_{0};
  std::atomic<double> last_beat_s_{0};
  std::atomic<double> last_look_s_{0};
  std::atomic<bool> waiting_{false};
  double quiet_since_s_ = 0;  // of the main thread: the wait, or the step if it computes
  double last_sign_s_ = 0;
  double last_heartbeats_s_ = 0;             // of a heartbeat() that looked for others'
  std::vector<LastHeard> last_heard_;   // by rank; others than rank 0 know only of rank 0
  std::vector<Heartbeat> outgoing_;          // by receiver
  std::vector<Request> under_way_;           // by receiver
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace tersegrad
