// One step through an exchange: the ranks' agents encode, the buckets travel, every rank decodes.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <vector>

#include "compress/round_trip.hpp"
#include "tersegrad/comm/exchange/exchange.hpp"

namespace tersegrad::testing {

/// In which order a rank starts its buckets.
enum class Order {
  forward,
  backward,
  rotated,     ///< from another bucket on each rank
  one_by_one,  ///< Exchange::run, each bucket a step of its own
};

struct StepOptions {
  std::string exchange;
  std::string compressor;
  std::uint32_t agents = 1;
  std::int64_t bucket = 1024;
  Order order = Order::forward;
  std::uint8_t control = 0;
};

struct Outcome {
  std::vector<float> mean;
  Traffic traffic;
  std::vector<Header> headers;  ///< of the aggregates, by bucket
  std::size_t peak_buffer_bytes = 0;
};

inline std::vector<Bucket> cut(std::int64_t dim, std::int64_t size, std::int64_t unit = 1) {
  size = (size + unit - 1) / unit * unit;
  std::vector<Bucket> buckets;
  for (std::int64_t begin = 0; begin < dim; begin += size) {
    buckets.push_back({static_cast<std::uint32_t>(buckets.size()), begin, std::min(begin + size, dim)});
  }
  return buckets;
}

/// What buckets of a compressor are multiples of; 1 where any size does, as these tests' own.
inline std::int64_t unit_of(const Compressor& compressor) {
  const std::int64_t unit = compressor.traits().bucket_unit;
  return unit > 128 ? unit : 1;
}

/// The bucket's part of a whole vector.
template <class Values>
auto part(Values& values, const Bucket& bucket) {
  return part_of(std::span(values), bucket);
}

/// Agents for every rank, of different numbers on different ranks where they fit.
inline std::uint32_t enough_agents(const Communicator& world) {
  return std::max<std::uint32_t>(7, static_cast<std::uint32_t>(world.size()));
}

/// Why this strategy cannot run here; empty if it can.
inline std::string unsuited(const std::string& exchange, const Communicator& world, std::uint32_t agents) {
  const int hosts = exchange == "server" ? world.size() - 1 : world.size();
  if (hosts < 1) return "too few ranks";
  if (static_cast<int>(agents) < hosts) return "more ranks than agents";
  return "";
}

inline std::vector<std::size_t> start_order(Order order, std::size_t buckets, int rank) {
  std::vector<std::size_t> indices(buckets);
  std::iota(indices.begin(), indices.end(), 0u);
  if (order == Order::backward) std::reverse(indices.begin(), indices.end());
  if (order == Order::rotated) {
    const auto first = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(5 * rank) % buckets);
    std::rotate(indices.begin(), indices.begin() + first, indices.end());
    if (rank % 2 == 1) std::reverse(indices.begin(), indices.end());
  }
  return indices;
}

/// \param gradients one vector per agent, the same on every rank
inline Outcome run_step(const Communicator& world, const StepOptions& options,
                        const std::vector<std::vector<float>>& gradients) {
  const auto dim = static_cast<std::int64_t>(gradients.front().size());
  const CompressorSetup setup{{dim, 1}, 3, options.agents};
  const auto compressor = CompressorRegistry::instance().make(options.compressor, setup);
  const auto exchange = ExchangeRegistry::instance().make(options.exchange, ExchangeSetup{&world, options.agents});
  exchange->require(*compressor);
  const auto aggregator = compressor->aggregator();
  const auto& map = exchange->map();
  const auto buckets = cut(dim, options.bucket, unit_of(*compressor));
  exchange->require_buckets(buckets.size());
  std::vector<std::unique_ptr<Encoder>> encoders;
  for (auto a = map.begin(world.rank()); a < map.end(world.rank()); ++a) encoders.push_back(compressor->encoder(a));
  std::vector<std::vector<Message>> messages(buckets.size());
  std::vector<Message> aggregates(buckets.size());

  Outcome out;
  out.mean.assign(static_cast<std::size_t>(dim), -7.0f);
  // Two steps on the same objects: what the first leaves behind must not reach the second.
  for (const std::uint64_t step : {20u, 21u}) {
    out.traffic = Traffic();
    aggregator->begin_step(step);
    for (std::size_t i = 0; i < encoders.size(); ++i) {
      encoders[i]->begin_step(step, gradients[map.begin(world.rank()) + i]);
    }
    const bool together = options.order != Order::one_by_one;
    if (together) exchange->begin_step({step, compressor.get(), aggregator.get(), options.control});
    for (const auto index : start_order(options.order, buckets.size(), world.rank())) {
      const Bucket& bucket = buckets[index];
      messages[index].resize(encoders.size());
      for (std::size_t i = 0; i < encoders.size(); ++i) {
        const auto agent = map.begin(world.rank()) + static_cast<std::uint32_t>(i);
        Message& message = messages[index][i];
        encoders[i]->encode(bucket, part(gradients[agent], bucket), message);
        Header& header = message.header;
        identify(header, {MessageKind::uplink, step, bucket, agent, compressor_id(compressor->name())});
        header.loss = static_cast<float>(agent);
        header.control |= options.control;
      }
      if (together) {
        exchange->start_bucket({bucket, messages[index], &aggregates[index]});
      } else {
        exchange->begin_step({step, compressor.get(), aggregator.get(), options.control});
        exchange->start_bucket({bucket, messages[index], &aggregates[index]});
        exchange->finish_step(out.traffic);
      }
    }
    if (together) exchange->finish_step(out.traffic);
    out.headers.clear();
    for (const auto& bucket : buckets) {  // in every step: a decoder may have memory
      aggregator->decode(bucket, view(aggregates[bucket.index]), part(out.mean, bucket));
      out.headers.push_back(aggregates[bucket.index].header);
    }
  }
  out.peak_buffer_bytes = exchange->peak_buffer_bytes();
  return out;
}

/// Different from agent to agent and of very different sizes, so that another order of additions gives other bits.
/// Made once for all ranks of a process.
inline const std::vector<std::vector<float>>& gradients_of(std::uint32_t agents, std::int64_t dim) {
  static std::mutex mutex;
  static std::map<std::pair<std::uint32_t, std::int64_t>, std::vector<std::vector<float>>> made;
  const std::lock_guard lock(mutex);
  auto& gradients = made[{agents, dim}];
  if (!gradients.empty()) return gradients;
  for (std::uint32_t a = 0; a < agents; ++a) {
    gradients.push_back(normal_vector(static_cast<std::size_t>(dim), 50 + a));
    for (float& value : gradients.back()) value *= std::pow(10.0f, static_cast<float>(a % 4));
    if (a % 3 == 1) continue;  // some agents of a node have zeros, others none
    for (std::size_t j = a; j < gradients.back().size() / 4; j += 3) gradients.back()[j] = 0;
  }
  return gradients;
}

/// Every strategy that promises bits, `hierarchical` also with nodes of one and two ranks.
inline std::vector<std::string> strategies() {
  std::vector<std::string> names{"hierarchical:1", "hierarchical:2"};
  for (const auto& name : ExchangeRegistry::instance().names()) {
    if (name != "mpi-allreduce") names.push_back(name);  // promises no order
  }
  return names;
}

/// Whether the strategy can carry the compressor.
inline bool carries(const Communicator& world, const std::string& exchange, const std::string& spec, std::uint32_t agents,
             std::int64_t dim) {
  const auto compressor = CompressorRegistry::instance().make(spec, CompressorSetup{{dim, 1}, 3, agents});
  try {
    ExchangeRegistry::instance().make(exchange, ExchangeSetup{&world, agents})->require(*compressor);
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// The twin's two steps, as run_step does them. \return the decoded mean of the second
inline std::vector<float> serial_twin(const std::string& spec, const std::vector<std::vector<float>>& gradients) {
  const auto dim = static_cast<std::int64_t>(gradients.front().size());
  const auto agents = static_cast<std::uint32_t>(gradients.size());
  const auto compressor = CompressorRegistry::instance().make(spec, CompressorSetup{{dim, 1}, 3, agents});
  const auto aggregator = compressor->aggregator();
  std::vector<std::unique_ptr<Encoder>> encoders;
  for (std::uint32_t a = 0; a < agents; ++a) encoders.push_back(compressor->encoder(a));
  const Bucket whole{0, 0, dim};
  std::vector<float> mean(static_cast<std::size_t>(dim));
  for (const std::uint64_t step : {20u, 21u}) {
    aggregator->begin_step(step);
    std::vector<Message> messages(agents);
    std::vector<MessageView> views;
    for (std::uint32_t a = 0; a < agents; ++a) {
      encoders[a]->begin_step(step, gradients[a]);
      encoders[a]->encode(whole, gradients[a], messages[a]);
      messages[a].header.step = step;
      messages[a].header.agent = a;
      views.push_back(view(messages[a]));
    }
    Message aggregate;
    aggregator->aggregate(whole, views, aggregate);
    aggregate.header.step = step;
    aggregator->decode(whole, view(aggregate), mean);
  }
  return mean;
}

}  // namespace tersegrad::testing
