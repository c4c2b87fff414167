#include "tersegrad/train/objectives/full_gradient.hpp"

#include <algorithm>
#include <vector>

#include "tersegrad/comm/exchange/ordered_sum.hpp"
#include "tersegrad/core/progress.hpp"

namespace tersegrad {

FullGradient::FullGradient(const Communicator& comm, Objective& objective)
    : comm_(comm), objective_(objective), lanes_(std::min(max_lanes, objective.gradient_chunks())) {}

double FullGradient::compute() {
  const auto total = static_cast<std::size_t>(objective_.layout().total());
  const std::int64_t ranks = comm_.size(), rank = comm_.rank(), chunks = objective_.gradient_chunks();
  const std::int64_t first = rank * lanes_ / ranks, last = (rank + 1) * lanes_ / ranks;
  value_.resize(total);
  if (objective_.every_rank_computes_gradient()) return compute_alone();
  sums_.resize(static_cast<std::size_t>(last - first) * total);

  std::vector<const std::byte*> addends;
  std::vector<double> losses(static_cast<std::size_t>(lanes_), 0.0);
  for (std::int64_t lane = first; lane < last; ++lane) {
    const auto gradient = objective_.gradient();
    std::fill(gradient.begin(), gradient.end(), 0.0f);
    double& loss = losses[static_cast<std::size_t>(lane)];
    for (std::int64_t c = lane * chunks / lanes_; c < (lane + 1) * chunks / lanes_; ++c) {
      tell_progress();
      loss += objective_.add_chunk_gradient(c);
    }
    float* sum = sums_.data() + static_cast<std::size_t>(lane - first) * total;
    std::copy(gradient.begin(), gradient.end(), sum);
    addends.push_back(reinterpret_cast<const std::byte*>(sum));
  }
  ordered_sum(comm_, addends, value_);
  comm_.sum(losses);  // every lane's loss comes from one rank, the others add zero: exact in any order
  double loss = 0;
  for (const double part : losses) loss += part;
  return loss;
}

double FullGradient::compute_alone() {
  const auto gradient = objective_.gradient();
  std::fill(gradient.begin(), gradient.end(), 0.0f);
  double loss = 0;
  for (std::int64_t c = 0; c < objective_.gradient_chunks(); ++c) loss += objective_.add_chunk_gradient(c);
  std::copy(gradient.begin(), gradient.end(), value_.begin());
  return loss;
}

}  // namespace tersegrad
