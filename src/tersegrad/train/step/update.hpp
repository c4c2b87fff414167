// What a step's aggregates do to this rank's replica of x.
#pragma once

#include <memory>
#include <span>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/buffer.hpp"
#include "tersegrad/train/records/step_clock.hpp"
#include "tersegrad/train/records/step_record.hpp"
#include "tersegrad/train/step/bucket_plan.hpp"
#include "tersegrad/train/step/optimizer.hpp"

namespace tersegrad {

/// Decodes aggregates and hands their mean to the optimizer; the same bits on every rank, whichever way it goes.
class Update {
 public:
  /// All outlive this. \param x the replica
  Update(const BucketPlan& plan, Aggregator& aggregator, Optimizer& optimizer, std::span<float> x)
      : plan_(plan), aggregator_(aggregator), optimizer_(optimizer), x_(x) {}

  /// \param aggregates of the step, by Bucket::index
  /// \param record its learning_rate and nonfinite_agents are read; update_norm is set, to 0 unless wants_norm
  void apply(std::span<const Message> aggregates, StepRecord& record, bool wants_norm, StepClock& clock);

 private:
  double apply_bucket(const Bucket& bucket, const MessageView& aggregate, double learning_rate, bool fused, bool wants_norm,
                      StepClock& clock);
  double apply_rounds(RoundsAggregator& rounds, double learning_rate, bool wants_norm, StepClock& clock);
  double apply_mean(const Bucket& bucket, std::span<const float> mean, double learning_rate, bool wants_norm, StepClock& clock);

  const BucketPlan& plan_;
  Aggregator& aggregator_;
  Optimizer& optimizer_;
  std::span<float> x_;
  Buffer<float> decoded_;
};

}  // namespace tersegrad
