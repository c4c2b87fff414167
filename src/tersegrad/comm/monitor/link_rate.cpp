#include "tersegrad/comm/monitor/link_rate.hpp"

#include <algorithm>
#include <vector>

#include "tersegrad/comm/mpi/channel.hpp"
#include "tersegrad/core/system/stopwatch.hpp"

namespace tersegrad {
namespace {

constexpr std::size_t shortest = std::size_t{1} << 16, longest = std::size_t{1} << 22;
constexpr double long_enough_s = 0.02;

/// Rank 0's side. \return seconds there and back
double round_trip(const Communicator& comm, std::span<std::byte> bytes) {
  const Stopwatch watch;
  comm.send(bytes, comm.size() - 1, link_tag);
  comm.receive(bytes, comm.size() - 1, link_tag);
  return watch.seconds();
}

/// The last rank's: sends back what comes, until an empty message ends it.
void answer(const Communicator& comm, std::vector<std::byte>& buffer) {
  for (;;) {
    std::uint64_t length = 0;
    comm.receive(bytes_of(std::span(&length, 1)), 0, link_tag);
    if (length == 0) return;
    const auto bytes = std::span(buffer).first(static_cast<std::size_t>(length));
    comm.receive(bytes, 0, link_tag);
    comm.send(bytes, 0, link_tag);
  }
}

}  // namespace

LinkRate measure_link(const Communicator& comm) {
  if (comm.size() < 2) return {};
  const bool asks = comm.rank() == 0;
  if (!asks && comm.rank() != comm.size() - 1) return {};
  std::vector<std::byte> buffer(longest);
  if (!asks) {
    answer(comm, buffer);
    return {};
  }
  const auto announce = [&](std::uint64_t length) {
    comm.send(bytes_of(std::span<const std::uint64_t>(&length, 1)), comm.size() - 1, link_tag);
  };
  const auto timed = [&](std::size_t length) {
    announce(length);
    return round_trip(comm, std::span(buffer).first(length));
  };
  std::vector<double> pings;
  timed(shortest);  // connections are made, pages touched
  for (int i = 0; i < 5; ++i) pings.push_back(timed(1) / 2);
  std::nth_element(pings.begin(), pings.begin() + 2, pings.end());
  LinkRate rate{0, pings[2]};
  for (std::size_t length = shortest; length <= longest; length *= 4) {
    const double seconds = timed(length);
    rate.bits_per_s = 2 * 8 * static_cast<double>(length) / seconds;
    if (seconds >= long_enough_s) break;
  }
  announce(0);
  return rate;
}

}  // namespace tersegrad
