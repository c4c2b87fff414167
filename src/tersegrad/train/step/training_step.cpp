#include "tersegrad/train/step/training_step.hpp"

#include <algorithm>
#include <cmath>
#include <ranges>

#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/compress/capabilities/rounds.hpp"
#include "tersegrad/core/system/processor.hpp"

namespace tersegrad {
namespace {

/// Steps without an update, in a row, after which `--nonfinite skip` gives up.
constexpr std::int64_t max_skips_in_a_row = 50;

}  // namespace

void TrainingStep::begin(StepRecord& record) {
  use_default_float_environment();  // a library that was loaded since the last step may have changed it
  record.learning_rate = parts_.learning_rate->at(static_cast<std::uint64_t>(record.step - 1));
  StepClock clock(record.time);
  const auto computing = clock.time(&TimeSplit::compute);
  parts_.source->begin_step();
}

void TrainingStep::exchange(std::uint8_t flags, StepRecord& record) {
  StepClock clock(record.time);
  clock_ = &clock;
  heard_ = 0;
  record.nonfinite_agents = 0;
  record.traffic_of_parts.resize(parts_.plan->parts().size());
  {
    const auto compressing = clock.time(&TimeSplit::compress);
    parts_.aggregator->begin_step(static_cast<std::uint64_t>(record.step - 1));
  }
  for (int round = 0; round < parts_.plan->rounds(); ++round) {
    parts_.exchange->begin_step({static_cast<std::uint64_t>(record.step), parts_.compressor.get(), parts_.aggregator.get(), flags,
                                 record.traffic_of_parts.size()});
    send(round, flags, record);
    {
      const auto waiting = clock.time(&TimeSplit::exchange);
      parts_.exchange->finish_step(record.traffic_of_parts);
    }
    hear(round, record);
  }
  for (const Traffic& of_part : record.traffic_of_parts) record.traffic += of_part;
}

/// This rank's agents one after the other; a bucket goes once the last agent's message of it is there.
void TrainingStep::send(int round, std::uint8_t flags, const StepRecord& record) {
  Agents& agents = *parts_.agents;
  if (agents.begin() == agents.end()) {  // a server: it awaits them in the order in which they will come
    const auto buckets = parts_.plan->round(round);
    if (round == 0 && agents.overlaps()) {
      for (const auto& bucket : buckets | std::views::reverse) post(bucket);
    } else {
      for (const auto& bucket : buckets) post(bucket);
    }
    return;
  }
  for (sending_ = agents.begin(); sending_ < agents.end(); ++sending_) {
    const bool last = sending_ + 1 == agents.end();
    if (round == 0) {
      agents.send_gradient(sending_, record.step, flags, last, *this, *clock_);
    } else {
      agents.send_round(sending_, round, record.step, flags, result_, *this, *clock_);
    }
  }
}

void TrainingStep::complete(const Bucket& bucket) {
  if (sending_ + 1 == parts_.agents->end()) post(bucket);
}

void TrainingStep::between() {
  const auto exchanging = clock_->time(&TimeSplit::exchange);
  parts_.exchange->progress();
}

void TrainingStep::post(const Bucket& bucket) {
  const auto exchanging = clock_->time(&TimeSplit::exchange);
  parts_.exchange->start_bucket({bucket, parts_.agents->messages(bucket), &parts_.aggregates[bucket.index]});
}

/// What the aggregates say, the same on every rank; and what the next round begins with.
void TrainingStep::hear(int round, StepRecord& record) {
  RoundsAggregator* rounds = parts_.aggregator->rounds();
  const auto compressing = clock_->time(&TimeSplit::compress);
  for (const auto& bucket : parts_.plan->round(round)) {
    const Message& aggregate = parts_.aggregates[bucket.index];
    record.nonfinite_agents = std::max<std::int64_t>(record.nonfinite_agents, aggregate.header.nonfinite);
    heard_ |= aggregate.header.control;
    // A header's loss has the digits and range of a float32, so a shared one does not come from there.
    record.loss = parts_.source->shared_loss().value_or(static_cast<double>(aggregate.header.loss));
    if (rounds != nullptr) rounds->absorb(bucket, view(aggregate));
  }
  if (rounds != nullptr) result_ = rounds->end_round(round);
}

bool TrainingStep::accepts(const StepRecord& record) const {
  return std::isfinite(record.loss) &&
         (record.nonfinite_agents == 0 || parts_.config.nonfinite == NonfinitePolicy::keep);
}

TrainingStep::Outcome TrainingStep::update(StepRecord& record, bool wants_norm) {
  if (accepts(record)) {
    skips_in_a_row_ = 0;
    StepClock clock(record.time);
    parts_.update->apply(parts_.aggregates, record, wants_norm, clock);
    return Outcome::updated;
  }
  if (parts_.config.nonfinite != NonfinitePolicy::skip) return Outcome::diverged;
  parts_.agents->discard_step();
  if (AggregatorMemory* memory = parts_.aggregator->memory()) memory->discard_step();
  if (RootMemory* memory = parts_.aggregator->root_memory()) memory->discard_step();
  return ++skips_in_a_row_ >= max_skips_in_a_row ? Outcome::diverged : Outcome::skipped;
}

}  // namespace tersegrad
