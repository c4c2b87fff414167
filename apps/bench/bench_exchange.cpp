// tersegrad bench exchange: the exchange alone, no model: latency, bytes and share of a plain transfer's speed.
#include <algorithm>
#include <iostream>
#include <optional>

#include "apps/bench/bench.hpp"
#include "apps/common/command.hpp"
#include "apps/common/plugin_option.hpp"
#include "apps/common/same_plugins.hpp"
#include "tersegrad/comm/exchange/downlink.hpp"
#include "tersegrad/comm/exchange/exchange.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/comm/mpi/environment.hpp"
#include "tersegrad/core/statistics.hpp"
#include "tersegrad/core/system/stopwatch.hpp"
#include "tersegrad/core/terminal/table.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/train/step/agents.hpp"

namespace tersegrad {
namespace {

/// Seconds in which rank 1 sends `bytes` to rank 0, which answers with as many: what the wire can do.
double round_trip_s(const Communicator& world, std::size_t bytes, int repeats) {
  std::vector<std::byte> buffer(bytes);
  std::vector<double> times;
  for (int i = -2; i < repeats; ++i) {
    world.barrier();
    const Stopwatch watch;
    if (world.rank() == 0) {
      world.receive(buffer, 1, 1);
      world.send(buffer, 1, 2);
    } else if (world.rank() == 1) {
      world.send(buffer, 0, 1);
      world.receive(buffer, 0, 2);
    }
    if (i >= 0) times.push_back(watch.seconds());
  }
  return upper_median(times);
}

struct Measured {
  double seconds = 0;  ///< until the last rank has the aggregates, the median
  Traffic traffic;
  std::uint32_t agents = 0;
  double busiest_bytes = 0;      ///< on one link
  double peak_buffer_bytes = 0;  ///< of the rank that holds most
};

/// Bytes that the busiest link sends or receives one after the other: without a server what a rank sends (it
/// receives as much meanwhile); a server receives every message, then sends the aggregate to ⌈log2 P⌉ ranks.
double busiest_bytes(const Exchange& exchange, const Traffic& traffic, int ranks) {
  const auto up = static_cast<double>(traffic.uplink.total()), down = static_cast<double>(traffic.downlink.total());
  const auto agents = static_cast<double>(exchange.map().agents());
  return exchange.has_server() ? up + copies_from_root(ranks) * down / agents : (up + down) / agents;
}

/// \return nothing where the strategy cannot carry the compressor
std::optional<Measured> measure(const Communicator& world, const std::string& name, const std::string& spec,
                                std::int64_t dim, std::int64_t bucket, bool verify, int repeats) {
  const auto exchange = ExchangeRegistry::instance().make(name, ExchangeSetup{&world, 0, verify});
  const auto& map = exchange->map();
  const auto compressor = CompressorRegistry::instance().make(spec, CompressorSetup{{dim, 1}, 1, map.agents()});
  try {
    exchange->require(*compressor);
  } catch (const Error&) {
    return {};
  }
  const auto aggregator = compressor->aggregator();
  const auto buckets = cut_into_buckets(dim, exchange->bucket_size(dim, bucket));
  exchange->require_buckets(buckets.size());
  std::vector<Message> aggregates(buckets.size());
  std::vector<float> gradient(static_cast<std::size_t>(dim));
  Sequence random({.seed = 1, .agent = static_cast<std::uint32_t>(world.rank())});
  for (auto& x : gradient) x = static_cast<float>(random.uniform() - 0.5);

  Measured out;
  out.agents = map.agents();
  std::vector<double> times;
  for (int i = -2; i < repeats; ++i) {
    const auto step = static_cast<std::uint64_t>(i + 2);
    std::vector<std::vector<Message>> messages(buckets.size());
    for (auto a = map.begin(world.rank()); a < map.end(world.rank()); ++a) {
      const auto encoder = compressor->encoder(a);
      encoder->begin_step(step, gradient);
      for (const auto& b : buckets) {
        Message& message = messages[b.index].emplace_back();
        encoder->encode(
            b, part_of(std::span(gradient), b),
            message);
        identify(message.header, {MessageKind::uplink, step, b, a, compressor_id(compressor->name())});
      }
    }
    aggregator->begin_step(step);
    out.traffic = Traffic();
    world.barrier();
    const Stopwatch watch;
    exchange->begin_step({step, compressor.get(), aggregator.get()});
    for (const auto& b : buckets) exchange->start_bucket({b, messages[b.index], &aggregates[b.index]});
    exchange->finish_step(out.traffic);
    // A rank's own clock stops when its last send is buffered: the step takes what the last rank needs.
    auto last_ns = static_cast<std::int64_t>(1e9 * watch.seconds());
    world.max(std::span(&last_ns, 1));
    if (i >= 0) times.push_back(1e-9 * static_cast<double>(last_ns));
  }
  out.seconds = upper_median(times);
  out.busiest_bytes = busiest_bytes(*exchange, out.traffic, world.size());
  auto peak = static_cast<std::int64_t>(exchange->peak_buffer_bytes());
  world.max(std::span(&peak, 1));
  out.peak_buffer_bytes = static_cast<double>(peak);
  return out;
}

int run(int argc, char** argv) {
  return run_with_mpi(&argc, &argv, [&](Communicator& world) {
    require_same_plugins(world);
    cxxopts::Options options(
        "tersegrad bench exchange",
        "Exchanges without a model: launch/local --ranks 3 bench exchange. Times are from a barrier "
        "until the last rank has the aggregate, medians; latency is the same with 128 coordinates.\n");
    options.add_options()("dim", "coordinates d", cxxopts::value<std::string>()->default_value("1060138"))(
        "bucket", "coordinates per message", cxxopts::value<std::string>()->default_value("4194304"))(
        "compressor", "compressors, separated by commas",
        cxxopts::value<std::vector<std::string>>()->default_value("none,sign,randk:0.01"))(
        "exchange", "exchanges, separated by commas; all unless given", cxxopts::value<std::vector<std::string>>())(
        "verify", "checksums on the messages: on or off", cxxopts::value<std::string>()->default_value("on"))(
        "repeats", "timed exchanges of each", cxxopts::value<int>()->default_value("30"))("h,help", "this text");
    declare_plugin_option(options);
    bool help = false;
    for (int i = 1; i < argc; ++i) help |= std::string(argv[i]) == "--help";
    if (help) {
      if (world.rank() == 0) std::cout << options.help();
      return 0;
    }
    std::int64_t dim = 0, bucket = 0;
    int repeats = 0;
    bool verify = true;
    std::vector<std::string> compressors, exchanges = ExchangeRegistry::instance().names();
    collectively(world, [&] {
      bool done = false;
      const auto parsed = parse_options(options, argc, argv, done);
      TERSEGRAD_CHECK(parse_integer(parsed["dim"].as<std::string>(), dim) && dim >= 1,
                      "--dim must be a whole number from 1 up");
      TERSEGRAD_CHECK(parse_integer(parsed["bucket"].as<std::string>(), bucket) && bucket >= 1,
                      "--bucket must be a whole number from 1 up");
      repeats = parsed["repeats"].as<int>();
      const auto verified = parsed["verify"].as<std::string>();
      TERSEGRAD_CHECK(verified == "on" || verified == "off", "--verify is '", verified, "' (must be one of: on, off)");
      verify = verified == "on";
      TERSEGRAD_CHECK(repeats >= 1, "--repeats must be at least 1");
      compressors = parsed["compressor"].as<std::vector<std::string>>();
      if (parsed.count("exchange") > 0) exchanges = parsed["exchange"].as<std::vector<std::string>>();
      TERSEGRAD_CHECK(world.size() >= 2,
                      "bench exchange needs at least 2 ranks: launch/local --ranks 3 bench exchange");
      for (const auto& name : exchanges) ExchangeRegistry::instance().make(name, ExchangeSetup{&world, 0});
    });
    const auto dense = static_cast<std::size_t>(4 * dim);
    const double wire_s = round_trip_s(world, dense, repeats);
    TextTable table({"exchange", "compressor", "agents", "time", "uplink/agent", "downlink/agent",
                     "of the wire's speed", "latency", "buffers"});
    for (const auto& name : exchanges) {
      for (const auto& spec : compressors) {
        const auto measured = measure(world, name, spec, dim, bucket, verify, repeats);
        if (!measured) continue;
        const double up = static_cast<double>(measured->traffic.uplink.total()) / measured->agents;
        const double down = static_cast<double>(measured->traffic.downlink.total()) / measured->agents;
        const double share = wire_s * measured->busiest_bytes / (2.0 * static_cast<double>(dense)) / measured->seconds;
        // As few coordinates as a bucket may have: what remains is waiting for one another.
        const auto least = measure(world, name, spec, std::min<std::int64_t>(dim, 128), bucket, verify, repeats);
        table.add({name, spec, std::to_string(measured->agents), format_duration(measured->seconds), format_bytes(up),
                   format_bytes(down), format_number(100 * share, 3) + " %",
                   least ? format_duration(least->seconds) : "-", format_bytes(measured->peak_buffer_bytes)});
      }
    }
    if (world.rank() == 0) {
      std::cout << "d = " << dim << " on " << world.size()
                << " ranks; plain MPI: " << format_bytes(2.0 * static_cast<double>(dense)) << " there and back in "
                << format_duration(wire_s) << " (" << format_number(2e-9 * static_cast<double>(dense) / wire_s, 3)
                << " GB/s)\n"
                << table.str();
    }
    return 0;
  });
}

const CatalogueEntry<Bench> registration{"exchange", {"the exchanges without a model: time, bytes, share of the wire's speed", run}};

}  // namespace
}  // namespace tersegrad
