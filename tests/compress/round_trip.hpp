// A step without MPI: N agents' gradients through encoder, aggregation and decode, bucket by bucket.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "tersegrad/compress/capabilities/rounds.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/random/random.hpp"

namespace tersegrad::testing {

/// [0, total) in buckets of `size` coordinates, or more where the compressor cannot be cut so fine.
inline std::vector<Bucket> buckets_of(std::int64_t unit, std::int64_t total, std::int64_t size) {
  if (unit > 128) size = (size + unit - 1) / unit * unit;
  std::vector<Bucket> buckets;
  for (std::int64_t begin = 0; begin < total; begin += size) {
    buckets.push_back({static_cast<std::uint32_t>(buckets.size()), begin, std::min(begin + size, total)});
  }
  return buckets;
}

inline std::vector<Bucket> buckets_of(const Compressor& compressor, std::int64_t total, std::int64_t size) {
  return buckets_of(compressor.traits().bucket_unit, total, size);
}

/// [0, at) and [at, total), or one bucket where the compressor cannot be cut there.
inline std::vector<Bucket> two_buckets(const Compressor& compressor, std::int64_t total, std::int64_t at) {
  if (at % compressor.traits().bucket_unit != 0) return {{0, 0, total}};
  return {{0, 0, at}, {1, at, total}};
}

struct Step {
  std::vector<float> mean;              ///< decoded aggregate
  std::vector<std::vector<float>> own;  ///< each agent's decode_own
  std::vector<std::size_t> uplink;      ///< payload bytes of each agent, over buckets
  std::size_t downlink = 0;             ///< payload bytes of the aggregate, over buckets
  std::vector<Header> headers;          ///< of agent 0, one a bucket
  bool nonfinite = false;               ///< of rounds: some header counts values that are not finite
};

/// N agents' encoders and an aggregator that live for many steps.
class Session {
 public:
  Session(const Compressor& compressor, std::size_t agents)
      : aggregator(compressor.aggregator()), unit_(compressor.traits().bucket_unit),
        rounds_(compressor.rounds() != nullptr ? &compressor : nullptr) {
    for (std::uint32_t a = 0; a < agents; ++a) encoders.push_back(compressor.encoder(a));
  }

  /// \param gradients one vector per agent \param applied false: nothing is decoded, as in a skipped step
  /// \param backwards the last bucket goes first, as when they travel while backward still runs
  Step step(const std::vector<std::vector<float>>& gradients, std::uint64_t number, std::int64_t bucket_size,
            bool applied = true, bool backwards = false) {
    const auto total = static_cast<std::int64_t>(gradients.front().size());
    Step out;
    out.mean.assign(static_cast<std::size_t>(total), -12345.0f);  // must be overwritten
    out.own.assign(gradients.size(), out.mean);
    out.uplink.assign(gradients.size(), 0);
    for (std::size_t a = 0; a < gradients.size(); ++a) encoders[a]->begin_step(number, gradients[a]);
    aggregator->begin_step(number);
    if (rounds_ != nullptr) return rounds_of_step(gradients.size(), bucket_size, applied, backwards, out);
    std::vector<Bucket> buckets = buckets_of(unit_, total, bucket_size);
    if (backwards) std::reverse(buckets.begin(), buckets.end());
    for (const Bucket& bucket : buckets) {
      const auto part = [&](auto& values) {
        return part_of(std::span(values), bucket);
      };
      std::vector<Message> messages(gradients.size());
      std::vector<MessageView> views;
      for (std::size_t a = 0; a < gradients.size(); ++a) {
        encoders[a]->encode(bucket, part(gradients[a]), messages[a]);
        encoders[a]->decode_own(bucket, messages[a], part(out.own[a]));
        out.uplink[a] += messages[a].payload.size();
        views.push_back(view(messages[a]));
      }
      out.headers.push_back(messages.front().header);
      Message aggregate;
      aggregator->aggregate(bucket, views, aggregate);
      out.downlink += aggregate.payload.size();
      if (applied) aggregator->decode(bucket, view(aggregate), part(out.mean));
    }
    return out;
  }

  std::vector<std::unique_ptr<Encoder>> encoders;
  std::unique_ptr<Aggregator> aggregator;

 private:
  /// As capabilities/rounds.hpp says; nobody's own contribution is known.
  Step rounds_of_step(std::size_t agents, std::int64_t bucket_size, bool applied, bool backwards, Step& out) {
    out.own.clear();
    std::span<const float> result;
    std::deque<Message> aggregates;
    std::uint32_t index = 0;
    for (int round = 0; round < rounds_->rounds()->count(); ++round) {
      std::vector<Bucket> buckets;
      std::int64_t begin = 0;
      for (const RoundPart& part : rounds_->rounds()->parts(round)) {
        for (const Bucket& cut : buckets_of(unit_, part.length, bucket_size)) {
          buckets.push_back({index++, begin + cut.begin, begin + cut.end, round});
        }
        begin += part.length;
      }
      if (backwards) std::reverse(buckets.begin(), buckets.end());
      for (auto& encoder : encoders) encoder->rounds()->begin_round(round, result);
      for (const Bucket& bucket : buckets) {
        std::vector<Message> messages(agents);
        std::vector<MessageView> views;
        for (std::size_t a = 0; a < agents; ++a) {
          encoders[a]->encode(bucket, {}, messages[a]);
          out.uplink[a] += messages[a].payload.size();
          within_bound &= messages[a].payload.size() <= rounds_->max_payload_bytes(bucket);
          out.nonfinite |= messages[a].header.nonfinite > 0;
          views.push_back(view(messages[a]));
        }
        out.headers.push_back(messages.front().header);
        Message& aggregate = aggregates.emplace_back();  // stays until the update
        aggregator->aggregate(bucket, views, aggregate);
        out.downlink += aggregate.payload.size();
        within_bound &= aggregate.payload.size() <= rounds_->max_payload_bytes(bucket);
        aggregator->rounds()->absorb(bucket, view(aggregate));
      }
      result = aggregator->rounds()->end_round(round);
    }
    if (applied) aggregator->rounds()->update(out.mean);
    return out;
  }

  std::int64_t unit_;
  const Compressor* rounds_;  // one with rounds, which outlives the session; else null

 public:
  bool within_bound = true;  ///< of rounds: no payload was longer than the compressor said
};

/// One step of a new session. \param gradients one vector per agent
inline Step round_trip(const Compressor& compressor, const std::vector<std::vector<float>>& gradients,
                       std::uint64_t step, std::int64_t bucket_size) {
  return Session(compressor, gradients.size()).step(gradients, step, bucket_size);
}

/// Standard normal values by Box–Muller.
inline std::vector<float> normal_vector(std::size_t size, std::uint64_t seed) {
  Sequence random({.seed = seed});
  std::vector<float> values(size);
  for (auto& value : values) {
    value =
        static_cast<float>(std::sqrt(-2 * std::log(random.uniform())) * std::cos(6.283185307179586 * random.uniform()));
  }
  return values;
}

/// Every registered compressor with arguments that make sense at any dimension.
inline std::vector<std::string> all_specs() {
  std::vector<std::string> specs;
  for (const auto& [name, entry] : CompressorRegistry::instance().entries()) {
    std::string spec = name;
    for (const auto& parameter : entry.parameters) {
      if (!parameter.fallback.empty()) continue;
      TERSEGRAD_CHECK(!parameter.example.empty(), "argument '", parameter.name, "' of compressor '", name,
                      "' has neither a default nor an example (Parameter::example: the conformance suite needs it)");
      spec += ":" + parameter.example;
    }
    specs.push_back(spec);
  }
  return specs;
}

/// Those of them whose messages are pieces of the gradient.
inline std::vector<std::string> one_round_specs() {
  auto specs = all_specs();
  std::erase_if(specs, [](const std::string& spec) {
    return CompressorRegistry::instance().make(spec, CompressorSetup{{64, 1}})->rounds() != nullptr;
  });
  return specs;
}

/// Further spellings of one round: other wires, rules, blocks and wrapped compressors.
inline std::vector<std::string> more_specs() {
  return {"none:fp16",
          "none:bf16",
          "sign:random",
          "sign:plus",
          "majority:plus",
          "majority:minus",
          "majority:zero",
          "majority:zero=random",
          "scaled-sign:plus",
          "randk:0.25:fp16",
          "bernoulli:0.25:bf16",
          "topk:0.25:fp16",
          "topk:1.0",
          "topk:1",
          "ntopk:0.25:bf16",
          "qsgd:1",
          "qsgd:7:0",
          "qsgd:127:48",
          "terngrad:0",
          "ef:scaled-sign",
          "ef:scaled-sign:random",
          "ef:randk:0.25",
          "ef:qsgd:4:0",
          "ef:none:fp16",
          "ef:natural",
          "ef:terngrad",
          "ef21:scaled-sign",
          "ef21:bernoulli:0.5",
          "ef21:qsgd:7",
          "doublesqueeze:scaled-sign",
          "doublesqueeze:randk:0.25",
          "signum:0.5:majority",
          "signum:0.99:scaled-sign"};
}

}  // namespace tersegrad::testing
