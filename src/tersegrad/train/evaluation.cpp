#include "tersegrad/train/evaluation.hpp"

#include <limits>
#include <vector>

#include "tersegrad/comm/ordered_sum.hpp"
#include "tersegrad/comm/stall_watch.hpp"

namespace tersegrad {

namespace {

void average_statistics(const Communicator& comm, const AgentMap& map, Objective& objective) {
  if (objective.statistics_size() == 0) return;
  std::vector<const std::byte*> addends;
  for (std::uint32_t agent = map.begin(comm.rank()); agent < map.end(comm.rank()); ++agent) {
    addends.push_back(reinterpret_cast<const std::byte*>(objective.statistics(agent).data()));
  }
  std::vector<float> mean(static_cast<std::size_t>(objective.statistics_size()));
  ordered_sum(comm, addends, mean);
  for (float& value : mean) value /= static_cast<float>(map.agents());
  objective.use_statistics(mean);
}

}  // namespace

Evaluation evaluate(const Communicator& comm, const AgentMap& map, Objective& objective) {
  const std::int64_t chunks = objective.test_chunks();
  if (chunks == 0) return {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
  average_statistics(comm, map, objective);
  std::vector<double> losses(static_cast<std::size_t>(chunks), 0.0);
  std::int64_t counts[2] = {0, 0};  // correct, rows
  for (std::int64_t c = comm.rank(); c < chunks; c += comm.size()) {
    StallWatch::beat();
    const auto part = objective.evaluate_chunk(c);
    losses[static_cast<std::size_t>(c)] = part.loss;
    counts[0] += part.correct;
    counts[1] += part.rows;
  }
  comm.sum(losses);  // one rank's value and zeros: exact in any order
  comm.sum(std::span<std::int64_t>(counts));
  double loss = 0;
  for (const double part : losses) loss += part;
  const auto rows = static_cast<double>(counts[1]);
  return {loss / rows, static_cast<double>(counts[0]) / rows};
}

}  // namespace tersegrad
