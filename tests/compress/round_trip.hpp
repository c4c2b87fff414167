// A step without MPI: N agents' gradients through encoder, merge and decode, bucket by bucket.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/random/random.hpp"

namespace tersegrad::testing {

struct Step {
  std::vector<float> mean;              ///< decoded aggregate
  std::vector<std::vector<float>> own;  ///< each agent's decode_own
  std::vector<std::size_t> uplink;      ///< payload bytes of each agent, over buckets
  std::size_t downlink = 0;             ///< payload bytes of the aggregate, over buckets
  std::vector<Header> headers;          ///< of agent 0, one a bucket
};

/// N agents' encoders and an aggregator that live for many steps.
class Session {
 public:
  Session(const Compressor& compressor, std::size_t agents) : aggregator(compressor.aggregator()) {
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
    std::vector<Bucket> buckets;
    for (std::int64_t begin = 0; begin < total; begin += bucket_size) {
      buckets.push_back({static_cast<std::uint32_t>(buckets.size()), begin, std::min(begin + bucket_size, total)});
    }
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
  // What a plug-in's arguments without default are given, by their names.
  const std::map<std::string, std::string> examples = {
      {"k", "0.25"}, {"p", "0.25"}, {"levels", "4"}, {"inner...", "topk:0.25"}};
  std::vector<std::string> specs;
  for (const auto& [name, entry] : CompressorRegistry::instance().entries()) {
    std::string spec = name;
    for (const auto& parameter : entry.parameters) {
      if (!parameter.fallback.empty()) continue;
      const auto found = examples.find(parameter.name);
      TERSEGRAD_CHECK(found != examples.end(), "argument '", parameter.name, "' of compressor '", name,
                      "' has no example in tests/compress/round_trip.hpp (add one: the conformance suite needs it)");
      spec += ":" + found->second;
    }
    specs.push_back(spec);
  }
  return specs;
}

/// Further spellings: other wires, rules, blocks and wrapped compressors.
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
          "signum:0.5:majority",
          "signum:0.99:scaled-sign"};
}

}  // namespace tersegrad::testing
