#include "tersegrad/train/evaluation.hpp"

#include <limits>
#include <vector>

namespace tersegrad {

Evaluation evaluate(const Communicator& comm, Objective& objective) {
  const std::int64_t chunks = objective.test_chunks();
  if (chunks == 0) return {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
  std::vector<double> losses(static_cast<std::size_t>(chunks), 0.0);
  std::int64_t counts[2] = {0, 0};  // correct, rows
  for (std::int64_t c = comm.rank(); c < chunks; c += comm.size()) {
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
