// A job in which one rank sends a wrong message: fault_test.py starts it and looks at how it ends.
//
// usage: faulty_exchange EXCHANGE COMPRESSOR FAULT RANK; three buckets a step, and at step 3 the rank RANK is wrong:
//   magic, step, agent, dimension  one field of one message's header
//   huge       a header announces more bytes than the compressor can make
//   truncated  a payload is shorter than its header says     surplus  longer
//   short      header and payload agree, on too few bytes
//   late       the rank is one step behind: all its messages and expectations are of step 2
//   none       all is well
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "comm/exchange_run.hpp"
#include "tersegrad/comm/environment.hpp"

namespace {

using namespace tersegrad;

void spoil(const std::string& fault, Message& message) {
  Header& header = message.header;
  if (fault == "magic") header.magic = 0x46464952;
  if (fault == "step") header.step = 7;
  if (fault == "agent") header.agent = 99;
  if (fault == "dimension") header.dim += 1;
  if (fault == "huge") header.payload_bytes = std::uint64_t{1} << 60;
  if (fault == "truncated") message.payload.resize(message.payload.size() / 2);
  if (fault == "surplus") message.payload.resize(message.payload.size() + 8);
  if (fault == "short") {
    message.payload.resize(message.payload.size() / 2);
    header.payload_bytes = message.payload.size();
  }
}

int steps(const Communicator& world, const std::string& name, const std::string& spec, const std::string& fault,
          int faulty) {
  constexpr std::int64_t dim = 3000;
  const auto exchange = ExchangeRegistry::instance().make(name, ExchangeSetup{&world, 0});
  const auto& map = exchange->map();
  const auto compressor = CompressorRegistry::instance().make(spec, CompressorSetup{{dim, 1}, 3, map.agents()});
  const auto aggregator = compressor->aggregator();
  const auto buckets = testing::cut(dim, 1024);
  const auto gradient = testing::normal_vector(dim, 1);
  for (std::uint64_t k = 0; k < 5; ++k) {
    const bool wrong = k == 3 && world.rank() == faulty;
    const std::uint64_t step = wrong && fault == "late" ? 2 : k;
    aggregator->begin_step(step);
    exchange->begin_step({step, compressor.get(), aggregator.get()});
    std::vector<std::vector<Message>> messages(buckets.size());
    std::vector<Message> aggregates(buckets.size());
    for (const auto& bucket : buckets) {
      for (auto agent = map.begin(world.rank()); agent < map.end(world.rank()); ++agent) {
        const auto encoder = compressor->encoder(agent);
        encoder->begin_step(step, gradient);
        Message& message = messages[bucket.index].emplace_back();
        encoder->encode(bucket, testing::part(gradient, bucket), message);
        message.header.step = step;
        message.header.bucket = bucket.index;
        message.header.agent = agent;
        message.header.compressor = compressor_id(compressor->name());
        message.header.dim = static_cast<std::uint64_t>(bucket.size());
        if (wrong && bucket.index == 1) spoil(fault, message);
      }
      exchange->start_bucket({bucket, messages[bucket.index], &aggregates[bucket.index]});
    }
    Traffic traffic;
    exchange->finish_step(traffic);
  }
  if (world.rank() == 0) std::printf("5 steps\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const std::string name = argv[1], spec = argv[2], fault = argv[3];
  const int faulty = std::atoi(argv[4]);
  return run_with_mpi(&argc, &argv, [&](Communicator& world) { return steps(world, name, spec, fault, faulty); });
}
