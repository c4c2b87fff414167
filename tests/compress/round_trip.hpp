// A step without MPI: N agents' gradients through encoder, merge and decode, bucket by bucket.
#pragma once

#include <cmath>
#include <cstring>
#include <vector>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/random.hpp"

namespace tersegrad::testing {

struct Step {
  std::vector<float> mean;              ///< decoded aggregate
  std::vector<std::size_t> uplink;      ///< payload bytes of each agent, over buckets
  std::size_t downlink = 0;             ///< payload bytes of the aggregate, over buckets
  std::vector<Header> headers;          ///< of agent 0, one a bucket
};

/// \param gradients one vector per agent
inline Step round_trip(const Compressor& compressor, const std::vector<std::vector<float>>& gradients, std::uint64_t step,
                       std::int64_t bucket_size) {
  const auto total = static_cast<std::int64_t>(gradients.front().size());
  Step out;
  out.mean.assign(static_cast<std::size_t>(total), -12345.0f);  // must be overwritten
  out.uplink.assign(gradients.size(), 0);
  std::vector<std::unique_ptr<Encoder>> encoders;
  for (std::uint32_t a = 0; a < gradients.size(); ++a) {
    encoders.push_back(compressor.encoder(a));
    encoders.back()->begin_step(step, gradients[a]);
  }
  const auto aggregator = compressor.aggregator();
  aggregator->begin_step(step);
  std::uint32_t index = 0;
  for (std::int64_t begin = 0; begin < total; begin += bucket_size, ++index) {
    const Bucket bucket{index, begin, std::min(begin + bucket_size, total)};
    const auto part = [&](auto& values) {
      return std::span(values).subspan(static_cast<std::size_t>(bucket.begin), static_cast<std::size_t>(bucket.size()));
    };
    std::vector<Message> messages(gradients.size());
    std::vector<MessageView> views;
    for (std::size_t a = 0; a < gradients.size(); ++a) {
      encoders[a]->encode(bucket, part(gradients[a]), messages[a]);
      out.uplink[a] += messages[a].payload.size();
      views.push_back(view(messages[a]));
    }
    out.headers.push_back(messages.front().header);
    Message aggregate;
    aggregator->merge(bucket, views, aggregate);
    out.downlink += aggregate.payload.size();
    aggregator->decode(bucket, view(aggregate), part(out.mean));
  }
  return out;
}

/// Standard normal values by Box–Muller.
inline std::vector<float> normal_vector(std::size_t size, std::uint64_t seed) {
  Sequence random({.seed = seed});
  std::vector<float> values(size);
  for (auto& value : values) {
    value = static_cast<float>(std::sqrt(-2 * std::log(random.uniform())) * std::cos(6.283185307179586 * random.uniform()));
  }
  return values;
}

/// Every registered compressor with arguments that make sense at dimension ≥ 8.
inline std::vector<std::string> all_specs() {
  std::vector<std::string> specs;
  for (const auto& [name, entry] : CompressorRegistry::instance().entries()) {
    std::string spec = name;
    for (const auto& parameter : entry.parameters) {
      if (parameter.name == "k") spec += ":0.25";
    }
    specs.push_back(spec);
  }
  return specs;
}

}  // namespace tersegrad::testing
