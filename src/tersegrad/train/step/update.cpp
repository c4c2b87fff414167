#include "tersegrad/train/step/update.hpp"

#include <cmath>

#include "tersegrad/compress/capabilities/rounds.hpp"
#include "tersegrad/compress/capabilities/update.hpp"
#include "tersegrad/core/kernels/norms.hpp"
#include "tersegrad/core/progress.hpp"

namespace tersegrad {

void Update::apply(std::span<const Message> aggregates, StepRecord& record, bool wants_norm, StepClock& clock) {
  double squares = 0;
  if (RoundsAggregator* rounds = aggregator_.rounds()) {
    squares = apply_rounds(*rounds, record.learning_rate, wants_norm, clock);
  } else {
    // A mean whose norm is wanted (on rank 0), or that momentum keeps, has to be there as a whole. The two ways differ in a
    // NaN's bits only: where the headers, the same on every rank, tell of one, all ranks decode.
    const bool fused = !wants_norm && optimizer_.is_plain_sgd() && record.nonfinite_agents == 0;
    for (const auto& bucket : plan_.all()) {
      tell_progress();
      MessageView aggregate = view(aggregates[bucket.index]);
      // What is not finite in one bucket may have spoilt another's scale: an aggregator is told of the step, not the bucket.
      aggregate.header.nonfinite = static_cast<std::uint32_t>(record.nonfinite_agents);
      squares += apply_bucket(bucket, aggregate, record.learning_rate, fused, wants_norm, clock);
    }
  }
  record.update_norm = wants_norm ? std::sqrt(squares) : 0;
}

/// \return the mean's square, where that is wanted
double Update::apply_bucket(const Bucket& bucket, const MessageView& aggregate, double learning_rate, bool fused, bool wants_norm,
                            StepClock& clock) {
  std::span<const float> mean;
  {
    const auto compressing = clock.time(&TimeSplit::compress);
    mean = dense_view(aggregator_, bucket, aggregate);
  }
  if (mean.empty() && fused) {
    const auto applying = clock.time(&TimeSplit::apply);
    if (decode_axpy(aggregator_, bucket, aggregate, static_cast<float>(learning_rate), part_of(x_, bucket))) return 0;
  }
  if (mean.empty()) {
    const auto compressing = clock.time(&TimeSplit::compress);
    decoded_.resize(static_cast<std::size_t>(bucket.size()));
    aggregator_.decode(bucket, aggregate, decoded_);
    mean = decoded_;
  }
  return apply_mean(bucket, mean, learning_rate, wants_norm, clock);
}

double Update::apply_rounds(RoundsAggregator& rounds, double learning_rate, bool wants_norm, StepClock& clock) {
  tell_progress();
  {
    const auto compressing = clock.time(&TimeSplit::compress);
    decoded_.resize(x_.size());
    rounds.update(decoded_);
  }
  return apply_mean({0, 0, static_cast<std::int64_t>(x_.size())}, decoded_, learning_rate, wants_norm, clock);
}

double Update::apply_mean(const Bucket& bucket, std::span<const float> mean, double learning_rate, bool wants_norm,
                          StepClock& clock) {
  const double squares = wants_norm ? kernels::sum_of_squares(mean) : 0;
  const auto applying = clock.time(&TimeSplit::apply);
  optimizer_.apply(x_, bucket.begin, mean, learning_rate);
  return squares;
}

}  // namespace tersegrad
