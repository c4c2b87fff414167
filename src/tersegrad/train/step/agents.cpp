#include "tersegrad/train/step/agents.hpp"

#include <algorithm>
#include <cmath>

#include "tersegrad/compress/capabilities/rounds.hpp"
#include "tersegrad/core/kernels/norms.hpp"
#include "tersegrad/core/progress.hpp"
#include "tersegrad/core/random/random.hpp"

namespace tersegrad {

namespace {

/// Coordinates between two signs of life: 16 MB, some hundredths of a second for the slowest law.
constexpr std::size_t noise_piece = std::size_t{1} << 22;

/// Steps count from 1, what is drawn in them from 0.
std::uint64_t draw_of(std::int64_t step) { return static_cast<std::uint64_t>(step - 1); }

}  // namespace

Agents::Agents(const AgentParts& parts, std::uint32_t begin, std::uint32_t end)
    : parts_(parts), begin_(begin), end_(end), whole_(parts.compressor->traits().whole_gradient),
      compressor_(compressor_id(parts.compressor->name())), losses_(end - begin) {
  for (std::uint32_t a = begin; a < end; ++a) encoders_.push_back(parts_.compressor->encoder(a));
  missing_.resize(parts_.plan->all().size());
  messages_.resize(parts_.plan->all().size());
  for (auto& of_bucket : messages_) of_bucket.resize(end - begin);
}

bool Agents::overlaps() const {
  return parts_.config->overlap && parts_.source->in_parts() != nullptr && parts_.config->clip_norm == 0 && !whole_;
}

void Agents::send_gradient(std::uint32_t agent, std::int64_t step, std::uint8_t control, bool overlap, MessageSink& sink,
                           StepClock& clock) {
  tell_progress();
  if (overlap && overlaps()) return send_in_parts(agent, step, control, sink, clock);
  const std::uint64_t draw = draw_of(step);
  double loss = 0;
  {
    const auto computing = clock.time(&TimeSplit::compute);
    loss = parts_.source->gradient(agent, draw);
    if (parts_.config->clip_norm > 0) clip(gradient());
    if (whole_) add_noise(agent, draw, {0, 0, static_cast<std::int64_t>(gradient().size())});
  }
  Encoder& encoder = *encoders_[agent - begin_];
  {
    const auto compressing = clock.time(&TimeSplit::compress);
    encoder.begin_step(draw, whole_ ? gradient() : std::span<const float>());
    if (RoundsEncoder* rounds = encoder.rounds()) rounds->begin_round(0, {});
  }
  for (const auto& bucket : parts_.plan->round(0)) {
    if (!whole_) {
      const auto computing = clock.time(&TimeSplit::compute);
      add_noise(agent, draw, bucket);
    }
    send(agent, step, bucket, loss, control, sink, clock);
  }
}

/// With --overlap: a bucket goes as soon as backward has completed its coordinates.
void Agents::send_in_parts(std::uint32_t agent, std::int64_t step, std::uint8_t control, MessageSink& sink, StepClock& clock) {
  const std::uint64_t draw = draw_of(step);
  const auto buckets = parts_.plan->round(0);
  {
    const auto compressing = clock.time(&TimeSplit::compress);
    encoders_[agent - begin_]->begin_step(draw, {});
    for (const auto& bucket : buckets) missing_[bucket.index] = bucket.size();
  }
  const auto computing = clock.time(&TimeSplit::compute);
  const auto complete = [&](const Bucket& bucket, double loss) {
    missing_[bucket.index] = -1;
    add_noise(agent, draw, bucket);
    send(agent, step, bucket, loss, control, sink, clock);
  };
  const double loss = parts_.source->in_parts()->agent_gradient_in_parts(
      agent, draw, [&](std::int64_t begin, std::int64_t end, double of_batch) {
        for (const auto& bucket : buckets) {
          const std::int64_t common = std::min(end, bucket.end) - std::max(begin, bucket.begin);
          if (common <= 0) continue;
          missing_[bucket.index] -= common;
          if (missing_[bucket.index] == 0) complete(bucket, of_batch);
        }
        sink.between();
      });
  for (const auto& bucket : buckets) {  // parameters that the batch did not reach
    if (missing_[bucket.index] >= 0) complete(bucket, loss);
  }
}

void Agents::send_round(std::uint32_t agent, int round, std::int64_t step, std::uint8_t control, std::span<const float> result,
                        MessageSink& sink, StepClock& clock) {
  tell_progress();
  {
    const auto compressing = clock.time(&TimeSplit::compress);
    encoders_[agent - begin_]->rounds()->begin_round(round, result);
  }
  for (const auto& bucket : parts_.plan->round(round)) {
    send(agent, step, bucket, losses_[agent - begin_], control, sink, clock);
  }
}

void Agents::send(std::uint32_t agent, std::int64_t step, const Bucket& bucket, double loss, std::uint8_t control, MessageSink& sink,
                  StepClock& clock) {
  tell_progress();
  {
    const auto compressing = clock.time(&TimeSplit::compress);
    encode(agent, step, bucket, loss, control);
  }
  sink.complete(bucket);
}

void Agents::encode(std::uint32_t agent, std::int64_t step, const Bucket& bucket, double loss, std::uint8_t control) {
  Encoder& encoder = *encoders_[agent - begin_];
  Message& message = messages_[bucket.index][agent - begin_];
  encoder.encode(bucket, encoder.rounds() == nullptr ? part_of(gradient(), bucket) : std::span<float>(), message);
  Header& header = message.header;
  identify(header, {MessageKind::uplink, static_cast<std::uint64_t>(step), bucket, agent, compressor_});
  header.loss = static_cast<float>(loss);
  header.control = control;
  losses_[agent - begin_] = loss;
}

void Agents::clip(std::span<float> gradient) const {
  const double norm = std::sqrt(kernels::sum_of_squares(gradient)), limit = parts_.config->clip_norm;
  if (!(norm > limit)) return;
  const auto scale = static_cast<float>(limit / norm);
  for (float& value : gradient) value *= scale;
}

void Agents::add_noise(std::uint32_t agent, std::uint64_t draw, const Bucket& part) {
  if (parts_.noise->is_none()) return;
  const auto& config = *parts_.config;
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(config.noise_batch)));
  const auto values =
      part_of(parts_.objective->gradient(), part);
  // Piece by piece, so that a vector of any length tells of its progress; the bits are those of one call.
  for (std::size_t done = 0; done < values.size(); done += noise_piece) {
    tell_progress();
    parts_.noise->add(Stream({config.seed, Purpose::noise, agent, draw}), part.begin + static_cast<std::int64_t>(done),
                      values.subspan(done, std::min(noise_piece, values.size() - done)), scale);
  }
}

void Agents::discard_step() {
  for (auto& encoder : encoders_) {
    if (EncoderMemory* memory = encoder->memory()) memory->discard_step();
  }
}

void Agents::estimate(std::uint32_t agent, std::uint64_t draw, std::span<const std::int64_t> coordinates,
                      std::span<float> out) const {
  const auto& config = *parts_.config;
  const auto gradient = parts_.objective->gradient();
  tell_progress();
  parts_.source->estimation_gradient(agent, draw);
  if (config.clip_norm > 0) clip(gradient);
  const Stream stream({config.seed, Purpose::estimate, agent, draw});
  const auto noise_scale = static_cast<float>(1 / std::sqrt(static_cast<double>(config.noise_batch)));
  for (std::size_t i = 0; i < coordinates.size(); ++i) {
    // Noise comes in runs that begin at multiples of four: only the runs that hold a wanted coordinate are drawn.
    const std::int64_t first = coordinates[i] & ~std::int64_t{3};
    float run[4] = {};
    const auto length = std::min<std::size_t>(4, gradient.size() - static_cast<std::size_t>(first));
    std::copy_n(gradient.begin() + first, length, run);
    if (!parts_.noise->is_none()) parts_.noise->add(stream, first, std::span(run, length), noise_scale);
    out[i] = run[coordinates[i] - first];
  }
}

}  // namespace tersegrad
