// Methods whose messages are not pieces of the gradient, or that need the mean of one message to form the next.
//
// An ordinary compressor sends the gradient itself, cut into buckets. One with rounds sends vectors of its own: in round r
// every agent has one of rounds().parts(r) floats, which travels as any other vector does, and whose mean over the agents
// every rank decodes before the next round begins. PowerSGD (Vogels et al. 2019) has two, P = MQ and then Q = MᵀP. What
// comes back after the last is a whole update in the gradient's coordinates.
//
// A step, with begin_step() of both ends first and buckets of a round in any order:
//
//     for each round r:   RoundsEncoder::begin_round(r, result)   on every agent      (result: empty for r = 0)
//                         Encoder::encode(bucket, {}, message)    bucket.round = r, coordinates of the round's vector
//                         Aggregator::aggregate, as ever
//                         RoundsAggregator::absorb(bucket, aggregate)   every bucket, on every rank
//                         result = RoundsAggregator::end_round(r)       the same bits on every rank
//     RoundsAggregator::update(mean)
//
// Aggregator::decode() is not called from outside then, and Encoder::decode_own() neither.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/compress/wire/message.hpp"

namespace tersegrad {

/// A stretch of a round's vector. Buckets are cut within one and never reach into the next.
struct RoundPart {
  std::string label;        ///< what its bytes are counted under, e.g. a policy's pattern
  std::int64_t length = 0;  ///< floats; 0 is possible and then it has no bucket
};

class Rounds {
 public:
  virtual ~Rounds() = default;
  virtual int count() const = 0;  ///< ≥ 1, the same in every step
  virtual std::vector<RoundPart> parts(int round) const = 0;
};

class RoundsEncoder {
 public:
  virtual ~RoundsEncoder() = default;
  /// \param result what RoundsAggregator::end_round gave for the round before
  virtual void begin_round(int round, std::span<const float> result) = 0;
};

class RoundsAggregator {
 public:
  virtual ~RoundsAggregator() = default;
  /// What the aggregator remembers stays as it is until update(): the step may yet be skipped.
  /// \param aggregate its payload stays where it is until update() is done or the next step begins
  /// \throws Error if a payload is not what its header promises
  virtual void absorb(const Bucket& bucket, const MessageView& aggregate) = 0;
  /// After the round's last bucket. \returns what encoders begin the next round with: as many floats as the round's vector has,
  /// after the last round nobody asks for any; a span valid until that next round's end
  virtual std::span<const float> end_round(int round) = 0;
  /// After the last round, unless the step is skipped: the mean that comes back. Once a step. \param mean as large as the gradient, overwritten
  virtual void update(std::span<float> mean) = 0;
};

}  // namespace tersegrad
