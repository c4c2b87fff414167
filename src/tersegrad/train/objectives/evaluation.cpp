#include "tersegrad/train/objectives/evaluation.hpp"

#include <vector>

#include "tersegrad/comm/exchange/ordered_sum.hpp"
#include "tersegrad/comm/monitor/stop_signal.hpp"
#include "tersegrad/comm/mpi/backoff.hpp"
#include "tersegrad/comm/mpi/repeated_sum.hpp"
#include "tersegrad/core/progress.hpp"
#include "tersegrad/core/system/stopwatch.hpp"

namespace tersegrad {

namespace {

/// Between the rounds in which the ranks tell each other how far they are; a signal waits for one of them.
constexpr double round_every_s = 0.02;
/// What an evaluation may still take after a signal: a small one's figures are worth more than so little time.
constexpr double grace_s = 0.5;

/// A signal has ended the evaluation, on every rank.
struct Stopped {};

/// The chunks of all ranks: a rank that works looks in between whether to go on, also within a chunk (core/progress.hpp).
class SharedChunks {
 public:
  SharedChunks(const Communicator& comm, std::int64_t chunks, const EvaluationListener& told)
      : comm_(comm), chunks_(chunks), told_(told), rounds_(comm, 3) {
    current = this;
    progress_listener = [] { current->look(); };
  }
  ~SharedChunks() {
    progress_listener = outer_;
    current = nullptr;
  }
  SharedChunks(const SharedChunks&) = delete;
  SharedChunks& operator=(const SharedChunks&) = delete;

  /// \throws Stopped
  void look() {
    if (outer_ != nullptr) outer_();
    if (!over_ && since_look_.seconds() > 1e-3) take_part();
    if (stopped_) throw Stopped();
  }
  void chunk_done() { ++done_; }
  /// Behind this rank's last chunk. \throws Stopped
  void await_others() {
    finished_ = true;
    for (Backoff backoff; !over_;) {
      if (take_part()) {
        backoff.reset();  // the others get on
      } else {
        backoff.pause();
      }
    }
    if (stopped_) throw Stopped();
  }

 private:
  /// \return whether a round has ended
  bool take_part() {
    since_look_.lap();
    if (!since_signal_ && StopSignal::received() != 0) since_signal_.emplace();
    const std::int64_t mine[] = {done_, finished_ ? 1 : 0, since_signal_ && since_signal_->seconds() > grace_s ? 1 : 0};
    const auto sums = rounds_.look(mine, finished_ || since_round_.seconds() > round_every_s);
    if (sums.empty()) return false;
    since_round_.lap();
    const bool complete = sums[1] == comm_.size();
    stopped_ = !complete && sums[2] > 0;
    over_ = complete || stopped_;
    if (told_) told_(sums[0], chunks_);
    return true;
  }

  static inline thread_local SharedChunks* current = nullptr;  // of this rank, as the listener is

  const Communicator& comm_;
  const std::int64_t chunks_;
  const EvaluationListener& told_;
  RepeatedSum rounds_;
  const ProgressListener outer_ = progress_listener;
  Stopwatch since_look_, since_round_;
  std::optional<Stopwatch> since_signal_;
  std::int64_t done_ = 0;
  bool finished_ = false, over_ = false, stopped_ = false;
};

void average_statistics(const Communicator& comm, const AgentMap& map, Objective& objective) {
  AgentStatistics* const statistics = objective.agent_statistics();
  if (statistics == nullptr) return;
  std::vector<const std::byte*> addends;
  for (std::uint32_t agent = map.begin(comm.rank()); agent < map.end(comm.rank()); ++agent) {
    addends.push_back(reinterpret_cast<const std::byte*>(statistics->statistics(agent).data()));
  }
  std::vector<float> mean(static_cast<std::size_t>(statistics->statistics_size()));
  ordered_sum(comm, addends, mean);
  for (float& value : mean) value /= static_cast<float>(map.agents());
  statistics->use_statistics(mean);
}

}  // namespace

std::optional<Evaluation> evaluate(const Communicator& comm, const AgentMap& map, Objective& objective,
                                   const EvaluationListener& told) {
  TestSet* const test_set = objective.test_set();
  const std::int64_t chunks = test_set == nullptr ? 0 : test_set->test_chunks();
  if (chunks == 0) return Evaluation();
  average_statistics(comm, map, objective);
  std::vector<double> losses(static_cast<std::size_t>(chunks), 0.0);
  std::int64_t counts[2] = {0, 0};  // correct, rows
  try {
    SharedChunks shared(comm, chunks, told);
    for (std::int64_t c = comm.rank(); c < chunks; c += comm.size()) {
      shared.look();
      const auto part = test_set->evaluate_chunk(c);
      losses[static_cast<std::size_t>(c)] = part.loss;
      counts[0] += part.correct;
      counts[1] += part.rows;
      shared.chunk_done();
    }
    shared.await_others();
  } catch (const Stopped&) {
    return std::nullopt;
  }
  comm.sum(losses);  // one rank's value and zeros: exact in any order
  comm.sum(std::span<std::int64_t>(counts));
  double loss = 0;
  for (const double part : losses) loss += part;
  const auto rows = static_cast<double>(counts[1]);
  return Evaluation{loss / rows, static_cast<double>(counts[0]) / rows};
}

}  // namespace tersegrad
