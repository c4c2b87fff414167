#include "tersegrad/train/objectives/full_gradient.hpp"

#include <algorithm>
#include <vector>

#include "tersegrad/comm/exchange/ordered_sum.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/progress.hpp"

namespace tersegrad {

FullGradient::FullGradient(const Communicator& comm, Objective& objective) : comm_(comm), objective_(objective), lanes_(0) {
  TERSEGRAD_ASSERT(objective.exact_gradient() != nullptr || objective.finite_sum() != nullptr,
                   "an objective without a full gradient");
  if (objective.exact_gradient() == nullptr) lanes_ = std::min(max_lanes, objective.finite_sum()->gradient_chunks());
}

double FullGradient::compute() {
  value_.resize(static_cast<std::size_t>(objective_.layout().total()));
  ExactGradient* exact = objective_.exact_gradient();
  if (exact == nullptr) return compute_together(*objective_.finite_sum());
  const double loss = exact->compute_exact_gradient();
  const auto gradient = objective_.gradient();
  std::copy(gradient.begin(), gradient.end(), value_.begin());
  return 0 + loss;  // never −0, as where chunks are added up
}

double FullGradient::compute_together(FiniteSum& sum_of_chunks) {
  const auto total = value_.size();
  const std::int64_t ranks = comm_.size(), rank = comm_.rank(), chunks = sum_of_chunks.gradient_chunks();
  const std::int64_t first = rank * lanes_ / ranks, last = (rank + 1) * lanes_ / ranks;
  sums_.resize(static_cast<std::size_t>(last - first) * total);

  std::vector<const std::byte*> addends;
  std::vector<double> losses(static_cast<std::size_t>(lanes_), 0.0);
  for (std::int64_t lane = first; lane < last; ++lane) {
    const auto gradient = objective_.gradient();
    std::fill(gradient.begin(), gradient.end(), 0.0f);
    double& loss = losses[static_cast<std::size_t>(lane)];
    for (std::int64_t c = lane * chunks / lanes_; c < (lane + 1) * chunks / lanes_; ++c) {
      tell_progress();
      loss += sum_of_chunks.add_chunk_gradient(c);
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

}  // namespace tersegrad
