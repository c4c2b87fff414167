#include "tersegrad/train/step/agents.hpp"

#include <algorithm>
#include <cmath>
#include <ranges>

#include "tersegrad/core/kernels/norms.hpp"
#include "tersegrad/core/progress.hpp"
#include "tersegrad/core/random/random.hpp"
#include "tersegrad/core/system/stopwatch.hpp"

namespace tersegrad {

namespace {

/// Coordinates between two signs of life: 16 MB, some hundredths of a second for the slowest law.
constexpr std::size_t noise_piece = std::size_t{1} << 22;

}  // namespace

std::vector<Bucket> cut_into_buckets(std::int64_t total, std::int64_t size) {
  constexpr std::int64_t unit = 128;
  const std::int64_t step = (std::min(size, total) + unit - 1) / unit * unit;
  std::vector<Bucket> buckets;
  for (std::int64_t begin = 0; begin < total; begin += step) {
    buckets.push_back({static_cast<std::uint32_t>(buckets.size()), begin, std::min(begin + step, total)});
  }
  return buckets;
}

Agents::Agents(const AgentParts& parts, std::uint32_t begin, std::uint32_t end)
    : parts_(parts), begin_(begin), end_(end) {
  for (std::uint32_t a = begin; a < end; ++a) encoders_.push_back(parts_.compressor->encoder(a));
  compressor_ = compressor_id(parts_.compressor->name());
  missing_.resize(parts_.buckets.size());
  messages_.resize(parts_.buckets.size());
  for (auto& of_bucket : messages_) of_bucket.resize(end - begin);
}

void Agents::clip(std::span<float> gradient) const {
  const double norm = std::sqrt(kernels::sum_of_squares(gradient)), limit = parts_.config->clip_norm;
  if (!(norm > limit)) return;
  const auto scale = static_cast<float>(limit / norm);
  for (float& value : gradient) value *= scale;
}

bool Agents::overlaps(bool shares) const {
  return parts_.config->overlap && !shares && parts_.config->clip_norm == 0 &&
         !parts_.compressor->needs_whole_gradient();
}

void Agents::add_noise(std::uint32_t agent, std::uint64_t step, const Bucket& part) {
  if (parts_.noise->is_none()) return;
  const auto& config = *parts_.config;
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(config.noise_batch)));
  const auto values =
      part_of(parts_.objective->gradient(), part);
  // Piece by piece, so that a vector of any length tells of its progress; the bits are those of one call.
  for (std::size_t done = 0; done < values.size(); done += noise_piece) {
    tell_progress();
    parts_.noise->add(Stream({config.seed, Purpose::noise, agent, step}), part.begin + static_cast<std::int64_t>(done),
                      values.subspan(done, std::min(noise_piece, values.size() - done)), scale);
  }
}

void Agents::encode(std::uint32_t agent, std::uint64_t step, const Bucket& bucket, double loss, std::uint8_t control) {
  const auto values = part_of(parts_.objective->gradient(), bucket);
  Message& message = messages_[bucket.index][agent - begin_];
  encoders_[agent - begin_]->encode(bucket, values, message);
  Header& header = message.header;
  identify(header, {MessageKind::uplink, step, bucket, agent, compressor_});
  header.loss = static_cast<float>(loss);
  header.flags |= control;
}

void Agents::compute(std::uint64_t step, std::span<const float> shared, double shared_loss, std::uint8_t control,
                     const Transport& transport, TimeSplit& time) {
  if (begin_ == end_) {
    // In the order in which they will come.
    if (overlaps(!shared.empty())) {
      for (const auto& bucket : parts_.buckets | std::views::reverse) transport.start(bucket);
    } else {
      for (const auto& bucket : parts_.buckets) transport.start(bucket);
    }
    return;
  }
  const bool whole = parts_.compressor->needs_whole_gradient();
  for (std::uint32_t agent = begin_; agent < end_; ++agent) {
    Stopwatch watch;
    Encoder& encoder = *encoders_[agent - begin_];
    tell_progress();
    const auto complete = [&](const Bucket& bucket, double loss) {
      if (!whole) add_noise(agent, step, bucket);
      tell_progress();
      time.compute += watch.lap();
      encode(agent, step, bucket, loss, control);
      time.compress += watch.lap();
      if (agent + 1 == end_) transport.start(bucket);
      time.exchange += watch.lap();
    };
    if (agent + 1 == end_ && overlaps(!shared.empty())) {
      encoder.begin_step(step, {});
      for (const auto& bucket : parts_.buckets) missing_[bucket.index] = bucket.size();
      time.compress += watch.lap();
      const double loss = parts_.objective->agent_gradients()->agent_gradient_in_parts(
          agent, step, [&](std::int64_t begin, std::int64_t end, double of_batch) {
            time.compute += watch.lap();
            for (const auto& bucket : parts_.buckets) {
              const std::int64_t overlap = std::min(end, bucket.end) - std::max(begin, bucket.begin);
              if (overlap <= 0) continue;
              missing_[bucket.index] -= overlap;
              if (missing_[bucket.index] > 0) continue;
              missing_[bucket.index] = -1;
              complete(bucket, of_batch);
            }
            transport.progress();
            time.exchange += watch.lap();
          });
      time.compute += watch.lap();
      for (const auto& bucket : parts_.buckets) {  // parameters that the batch did not reach
        if (missing_[bucket.index] >= 0) complete(bucket, loss);
      }
      continue;
    }
    const auto gradient = parts_.objective->gradient();
    double loss = shared_loss;
    if (shared.empty()) {
      loss = parts_.objective->agent_gradients()->agent_gradient(agent, step);
    } else {
      std::copy(shared.begin(), shared.end(), gradient.begin());
    }
    if (parts_.config->clip_norm > 0) clip(gradient);
    if (whole) add_noise(agent, step, {0, 0, static_cast<std::int64_t>(gradient.size())});
    time.compute += watch.lap();
    encoder.begin_step(step, whole ? gradient : std::span<const float>());
    for (const auto& bucket : parts_.buckets) complete(bucket, loss);
  }
}

void Agents::discard_step() {
  for (auto& encoder : encoders_) encoder->discard_step();
}

void Agents::estimate(std::uint32_t agent, std::uint64_t draw, std::span<const float> shared,
                      std::span<const std::int64_t> coordinates, std::span<float> out) const {
  const auto& config = *parts_.config;
  const auto gradient = parts_.objective->gradient();
  tell_progress();
  if (shared.empty()) {
    parts_.objective->agent_gradients()->estimation_gradient(agent, draw);
  } else {
    std::copy(shared.begin(), shared.end(), gradient.begin());
  }
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
