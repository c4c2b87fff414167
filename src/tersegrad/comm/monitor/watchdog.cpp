#include "tersegrad/comm/monitor/watchdog.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "tersegrad/comm/mpi/channel.hpp"
#include "tersegrad/comm/mpi/nodes.hpp"
#include "tersegrad/comm/mpi/wait_listener.hpp"
#include "tersegrad/core/progress.hpp"

namespace tersegrad {
namespace {

thread_local Watchdog* current = nullptr;  // of this thread, the main thread of a rank

std::int64_t clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string seconds(double s) { return concat(static_cast<std::int64_t>(s + 0.5), " s"); }

}  // namespace

Watchdog::Watchdog(const Communicator& comm, double timeout_s)
    : comm_(comm), timeout_s_(timeout_s), start_ns_(clock_ns()) {
  if (timeout_s <= 0) return;
  const auto ranks = static_cast<std::size_t>(comm.size());
  const Nodes hosts(comm);
  first_accuser_ = hosts.count() > 1 ? hosts.leader(1) : 1;
  last_heard_.resize(ranks);
  outgoing_.resize(ranks);
  under_way_.resize(ranks);
  current = this;
  static constexpr WaitListener waits{&Watchdog::begin_wait, &Watchdog::keep_waiting, &Watchdog::end_wait};
  progress_listener = &Watchdog::heartbeat;
  wait_listener = &waits;
  thread_ = std::thread([this] { watch(); });
}

Watchdog::~Watchdog() {
  if (!thread_.joinable()) return;
  current = nullptr;
  progress_listener = nullptr;
  wait_listener = nullptr;
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  ended_.notify_all();
  thread_.join();
}

double Watchdog::now() const { return static_cast<double>(clock_ns() - start_ns_) * 1e-9; }

void Watchdog::moved() {
  last_beat_s_.store(now(), std::memory_order_relaxed);
}

void Watchdog::begin_step(std::int64_t step) {
  if (current == nullptr) return;
  current->step_.store(step, std::memory_order_relaxed);
  current->quiet_since_s_ = current->now();
  current->moved();
}

void Watchdog::heartbeat() {
  if (current == nullptr) return;
  current->moved();
  const double now = current->now();
  // The operators of a network come by thousands of times a second; MPI need not be asked as often.
  Watchdog& watch = *current;
  if (now - watch.quiet_since_s_ < watch.timeout_s_ / 4 || now - watch.last_heartbeats_s_ < watch.timeout_s_ / 40) return;
  watch.last_heartbeats_s_ = now;
  watch.exchange_heartbeats(now);
}

void Watchdog::begin_wait() {
  if (current == nullptr) return;
  current->quiet_since_s_ = current->now();
  current->last_look_s_.store(current->quiet_since_s_, std::memory_order_relaxed);
  current->moved();
  current->waiting_.store(true, std::memory_order_relaxed);
}

void Watchdog::end_wait() {
  if (current == nullptr) return;
  current->waiting_.store(false, std::memory_order_relaxed);
  current->quiet_since_s_ = current->now();
  current->moved();
}

void Watchdog::keep_waiting() {
  if (current == nullptr) return;
  Watchdog& watch = *current;
  const double now = watch.now();
  if (now - watch.last_look_s_.load(std::memory_order_relaxed) < std::min(0.2, watch.timeout_s_ / 20)) return;
  // Whoever stood still as a whole (a stopped process, a suspended machine) knows nothing of the time it missed.
  if (now - watch.last_look_s_.load(std::memory_order_relaxed) > watch.timeout_s_ / 2) watch.quiet_since_s_ = now;
  watch.last_look_s_.store(now, std::memory_order_relaxed);
  if (now - watch.quiet_since_s_ < watch.timeout_s_ / 4) return;
  watch.exchange_heartbeats(now);
  watch.judge(now);
}

/// Others tell rank 0 that they live; rank 0 tells whoever did.
void Watchdog::exchange_heartbeats(double now) {
  const bool root = comm_.rank() == 0;
  while (const auto message = comm_.probe(any_source, heartbeat_tag)) {
    Heartbeat heartbeat;
    Request request = comm_.start_receive(std::as_writable_bytes(std::span(&heartbeat, 1)), message->from, heartbeat_tag);
    while (!comm_.ready(request)) {  // it is there; and wait() would call this
    }
    last_heard_[static_cast<std::size_t>(message->from)] = {now, heartbeat.waits != 0};
    if (root) send_heartbeat(message->from, now);
  }
  if (root || now - last_sign_s_ < timeout_s_ / 8) return;
  last_sign_s_ = now;
  send_heartbeat(0, now);
}

void Watchdog::send_heartbeat(int to, double now) {
  const auto i = static_cast<std::size_t>(to);
  if (!comm_.ready(under_way_[i])) return;  // the last one has not left yet: nobody takes it
  outgoing_[i] = {comm_.rank(), waiting_ && now - quiet_since_s_ > timeout_s_ ? 1 : 0};
  under_way_[i] = comm_.start_send(std::as_bytes(std::span(&outgoing_[i], 1)), to, heartbeat_tag);
}

/// In a wait: is anybody missing?
void Watchdog::judge(double now) {
  const auto silence = [&](std::size_t rank) { return now - std::max(quiet_since_s_, last_heard_[rank].heard_s); };
  if (comm_.rank() != 0) {
    const bool first = comm_.rank() == first_accuser_;
    const double patience = 1.5 * timeout_s_ + 2 + (first ? 0 : 3 + static_cast<double>(comm_.rank()) / comm_.size());
    if (silence(0) > patience) comm_.abort(concat("no sign of life from rank 0 for ", seconds(silence(0)), place()));
    return;
  }
  const double patience = 1.25 * timeout_s_ + 1;
  if (now - quiet_since_s_ <= patience) return;
  std::string missing;
  double longest = 0;
  bool all_wait = true;
  int count = 0;
  for (std::size_t rank = 1; rank < last_heard_.size(); ++rank) {
    all_wait = all_wait && last_heard_[rank].waits;
    if (silence(rank) <= patience) continue;
    missing += concat(count++ > 0 ? ", " : "", rank);
    longest = std::max(longest, silence(rank));
  }
  if (count > 0)
    comm_.abort(concat("no sign of life from rank", count > 1 ? "s " : " ", missing, " for ", seconds(longest), place()));
  if (all_wait) comm_.abort(concat("every rank has waited for another for ", seconds(now - quiet_since_s_), place()));
}

std::string Watchdog::place() const {
  const std::int64_t step = step_.load();
  return concat(step > 0 ? concat(" at step ", step) : std::string(" before the first step"), " (--stall-timeout ",
                timeout_s_, ")");
}

void Watchdog::watch() {
  const auto pause = std::chrono::duration<double>(std::min(0.5, timeout_s_ / 10));
  std::unique_lock lock(mutex_);
  double last = now();
  while (!ended_.wait_for(lock, pause, [this] { return over_; })) {
    const double now = this->now();
    // Where this thread too stood still, what it missed does not count.
    if (now - std::exchange(last, now) > timeout_s_ / 2) {
      last_beat_s_.store(now, std::memory_order_relaxed);
      last_look_s_.store(now, std::memory_order_relaxed);
      continue;
    }
    if (!waiting_.load(std::memory_order_relaxed)) {
      const double since = now - last_beat_s_.load(std::memory_order_relaxed);
      if (since > timeout_s_) comm_.abort(concat("stuck: no progress for ", seconds(since), place()));
    } else if (now - last_look_s_.load(std::memory_order_relaxed) > 2 * timeout_s_) {
      comm_.abort(concat("stuck inside of MPI for ", seconds(2 * timeout_s_), place()));
    }
  }
}

}  // namespace tersegrad
