// A job in which one rank sends a wrong message: fault_test.py starts it and looks at how it ends.
//
// usage: faulty_exchange EXCHANGE COMPRESSOR FAULT RANK [off]; three buckets a step, and at step 3 the rank RANK is
// wrong:
//   magic, step, agent, dimension  one field of one message's header
//   huge       a header announces more bytes than the compressor can make
//   truncated  a payload is shorter than its header says     surplus  longer
//   short      header and payload agree, on too few bytes
//   late       the rank is one step behind: all its messages and expectations are of step 2
//   none       all is well
// or the wire itself is at fault, after the sender's checksum: of bucket 1's messages in one channel (a Channel's number)
// from RANK the first (with :NUMBER behind the fault, counted from 0, that one)
//   flip:CHANNEL:BYTE  arrives with a bit flipped, a BYTE below 0 counted from the end
//   swap:CHANNEL:0     is bucket 0's, which the rank has sent before: in this step, or if it has not yet, in the one before
//   cut:CHANNEL        lacks its second half
//   noise:CHANNEL      is of another program: random bytes
// A fifth argument `off` switches the checksums off.
#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <string>
#include <vector>

#include "comm/exchange/exchange_run.hpp"
#include "tersegrad/comm/mpi/channel.hpp"
#include "tersegrad/comm/mpi/environment.hpp"

namespace {

using namespace tersegrad;

/// What is wrong with the wire, on the rank that sends.
struct Wire {
  std::string how;
  int channel = 0;
  long byte = 0;
  std::size_t number = 0, seen = 0;                // which of bucket 1's messages, how many there were
  bool armed = false;                              // the step has come
  std::vector<std::vector<unsigned char>> before;  // bucket 0's messages, the last ones that were sent
  std::size_t recorded = 0;                        // of them in this step
  std::list<std::vector<unsigned char>> sent;  // alive until the program ends

  explicit operator bool() const { return !how.empty(); }
  static Wire parse(const std::string& fault) {
    Wire wire;
    const std::size_t first = fault.find(':');
    if (first == std::string::npos) return wire;
    wire.how = fault.substr(0, first);
    const std::size_t second = fault.find(':', first + 1);
    wire.channel = std::atoi(fault.c_str() + first + 1);
    if (second == std::string::npos) return wire;
    wire.byte = std::atol(fault.c_str() + second + 1);
    const std::size_t third = fault.find(':', second + 1);
    if (third != std::string::npos) wire.number = static_cast<std::size_t>(std::atol(fault.c_str() + third + 1));
    return wire;
  }
  /// The bytes to send in place of these.
  std::vector<unsigned char> damaged(std::vector<unsigned char> bytes) {
    if (how == "flip")
      bytes.at(static_cast<std::size_t>(byte < 0 ? static_cast<long>(bytes.size()) + byte : byte)) ^= 4;
    if (how == "swap") bytes = before.at(number);
    if (how == "cut") bytes.resize(bytes.size() / 2);
    Sequence random({.seed = 77});
    for (auto& value : bytes) value = how == "noise" ? static_cast<unsigned char>(random.below(256)) : value;
    return bytes;
  }
};
Wire wire;

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
          int faulty, bool verify) {
  constexpr std::int64_t dim = 3000;
  const auto exchange = ExchangeRegistry::instance().make(name, ExchangeSetup{&world, 0, verify});
  const auto& map = exchange->map();
  const auto compressor = CompressorRegistry::instance().make(spec, CompressorSetup{{dim, 1}, 3, map.agents()});
  const auto aggregator = compressor->aggregator();
  const auto buckets = testing::cut(dim, 1024);
  const auto gradient = testing::normal_vector(dim, 1);
  for (std::uint64_t k = 0; k < 5; ++k) {
    const bool wrong = k == 3 && world.rank() == faulty;
    const std::uint64_t step = wrong && fault == "late" ? 2 : k;
    aggregator->begin_step(step);
    wire.recorded = 0;
    wire.armed = k == 3 && wire && world.rank() == faulty;
    exchange->begin_step({step, compressor.get(), aggregator.get()});
    std::vector<std::vector<Message>> messages(buckets.size());
    std::vector<Message> aggregates(buckets.size());
    for (const auto& bucket : buckets) {
      for (auto agent = map.begin(world.rank()); agent < map.end(world.rank()); ++agent) {
        const auto encoder = compressor->encoder(agent);
        encoder->begin_step(step, gradient);
        Message& message = messages[bucket.index].emplace_back();
        encoder->encode(bucket, testing::part(gradient, bucket), message);
        identify(message.header, {MessageKind::uplink, step, bucket, agent, compressor_id(compressor->name())});
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

/// Stands in for MPI's own, which it calls (MPI's profiling interface): the wire.
extern "C" int MPI_Isend(const void* buffer, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm,
                         MPI_Request* request) {
  const int place = tag - first_bucket_tag;
  const bool ours = wire && type == MPI_BYTE && place >= 0 && place % channels == wire.channel;
  const auto* bytes = static_cast<const unsigned char*>(buffer);
  if (ours && place / channels == 0) {
    wire.before.resize(std::max(wire.before.size(), wire.recorded + 1));
    wire.before[wire.recorded++].assign(bytes, bytes + count);
  }
  if (!ours || place / channels != 1 || !wire.armed || wire.seen++ != wire.number) {
    return PMPI_Isend(buffer, count, type, to, tag, comm, request);
  }
  const auto& sent = wire.sent.emplace_back(wire.damaged({bytes, bytes + count}));
  return PMPI_Isend(sent.data(), static_cast<int>(sent.size()), type, to, tag, comm, request);
}

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) return 2;
  const std::string name = argv[1], spec = argv[2], fault = argv[3];
  const int faulty = std::atoi(argv[4]);
  const bool verify = argc < 6 || std::string(argv[5]) != "off";
  wire = Wire::parse(fault);
  return run_with_mpi(&argc, &argv,
                      [&](Communicator& world) { return steps(world, name, spec, fault, faulty, verify); });
}
