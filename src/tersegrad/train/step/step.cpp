#include "tersegrad/train/step/step.hpp"

#include <algorithm>
#include <cmath>

#include "tersegrad/core/kernels/norms.hpp"
#include "tersegrad/core/progress.hpp"
#include "tersegrad/core/system/processor.hpp"
#include "tersegrad/core/system/stopwatch.hpp"

namespace tersegrad {
namespace {

/// Steps without an update, in a row, after which `--nonfinite skip` gives up.
constexpr std::int64_t max_skips_in_a_row = 50;

}  // namespace

std::span<const float> Step::shared_gradient() const {
  return parts_.full_gradient ? parts_.full_gradient->value() : std::span<const float>();
}

void Step::begin(std::uint64_t k, StepRecord& record) {
  use_default_float_environment();  // a library that was loaded since the last step may have changed it
  record.learning_rate = parts_.learning_rate->at(k);
  const Stopwatch watch;
  if (parts_.full_gradient) shared_loss_ = parts_.full_gradient->compute();
  record.time.compute += watch.seconds();
}

void Step::exchange(std::uint64_t k, std::uint8_t flags, StepRecord& record) {
  Stopwatch watch;
  parts_.aggregator->begin_step(k);
  parts_.exchange->begin_step({k, parts_.compressor.get(), parts_.aggregator.get(), flags});
  record.time.compress += watch.lap();
  parts_.agents->compute(k, shared_gradient(), shared_loss_, flags, parts_.transport, record.time);
  watch.lap();
  parts_.exchange->finish_step(record.traffic);
  record.nonfinite_agents = 0;
  heard_ = 0;
  for (const auto& aggregate : parts_.aggregates) {
    record.nonfinite_agents = std::max<std::int64_t>(record.nonfinite_agents, aggregate.header.nonfinite);
    heard_ |= aggregate.header.flags & control_flags;
  }
  record.time.exchange += watch.lap();
  // A header's loss has the digits and range of a float32, so a shared one does not come from there.
  record.loss = parts_.full_gradient ? shared_loss_ : static_cast<double>(parts_.aggregates.back().header.loss);
}

Step::Outcome Step::update(StepRecord& record, bool wants_norm) {
  const bool finite_loss = std::isfinite(record.loss), finite = record.nonfinite_agents == 0;
  if (parts_.config.nonfinite == NonfinitePolicy::skip && !(finite && finite_loss)) {
    parts_.agents->discard_step();
    return ++skips_in_a_row_ >= max_skips_in_a_row ? Outcome::diverged : Outcome::skipped;
  }
  skips_in_a_row_ = 0;
  if (!finite_loss || (!finite && parts_.config.nonfinite == NonfinitePolicy::stop)) return Outcome::diverged;
  apply(record, wants_norm);
  return Outcome::updated;
}

void Step::apply(StepRecord& record, bool wants_norm) {
  // A mean whose norm is wanted (on rank 0), or that momentum keeps, has to be there as a whole. The two ways differ in a
  // NaN's bits only: where the headers, the same on every rank, tell of one, all ranks decode.
  const bool fused = !wants_norm && parts_.optimizer->is_plain_sgd() && record.nonfinite_agents == 0;
  double squares = 0;
  Stopwatch watch;
  for (const auto& bucket : parts_.buckets) {
    tell_progress();
    MessageView aggregate = view(parts_.aggregates[bucket.index]);
    // What is not finite in one bucket may have spoilt another's scale: an aggregator is told of the step, not the bucket.
    aggregate.header.nonfinite = static_cast<std::uint32_t>(record.nonfinite_agents);
    auto mean = parts_.aggregator->dense_view(bucket, aggregate);
    if (mean.empty() && fused &&
        parts_.aggregator->decode_axpy(bucket, aggregate, static_cast<float>(record.learning_rate),
                                   part_of(parts_.objective->parameters(), bucket))) {
      record.time.apply += watch.lap();
      continue;
    }
    if (mean.empty()) {
      decoded_.resize(static_cast<std::size_t>(bucket.size()));
      parts_.aggregator->decode(bucket, aggregate, decoded_);
      mean = decoded_;
    }
    record.time.compress += watch.lap();
    if (wants_norm) squares += kernels::sum_of_squares(mean);
    watch.lap();
    parts_.optimizer->apply(parts_.objective->parameters(), bucket.begin, mean, record.learning_rate);
    record.time.apply += watch.lap();
  }
  record.update_norm = wants_norm ? std::sqrt(squares) : 0;
}

}  // namespace tersegrad
