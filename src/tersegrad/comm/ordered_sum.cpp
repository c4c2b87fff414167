#include "tersegrad/comm/ordered_sum.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "tersegrad/comm/backoff.hpp"

namespace tersegrad {
namespace {

constexpr int tag_up = 11, tag_down = 12;
constexpr std::size_t segment = std::size_t{1} << 16;  // values: 256 KiB, large beside a message's latency

}  // namespace

void ordered_sum(const Communicator& comm, std::span<const std::byte* const> addends, std::span<float> sum) {
  const int rank = comm.rank();
  const bool first = rank == 0, last = rank == comm.size() - 1;
  const std::size_t segments = (sum.size() + segment - 1) / segment;
  const auto part = [&](std::size_t s) { return sum.subspan(s * segment, std::min(segment, sum.size() - s * segment)); };

  // MPI matches messages of one sender and tag in order, so segments need no numbers.
  std::vector<MPI_Request> up_in(segments, MPI_REQUEST_NULL), up_out = up_in, down_in = up_in, down_out = up_in;
  if (!first) {
    for (std::size_t s = 0; s < segments; ++s) up_in[s] = comm.start_receive(bytes_of(part(s)), rank - 1, tag_up);
  }
  std::size_t up = 0, asked = 0, down = 0;  // segments: added here, awaited from above, finished
  for (Backoff backoff; down < segments;) {
    bool moved = false;
    if (up < segments && (first || comm.ready(up_in[up]))) {
      const auto here = part(up);
      // While the segment is in the cache: begin (on the first rank), then add.
      if (first) std::fill(here.begin(), here.end(), 0.0f);
      for (const std::byte* addend : addends) add_values(addend + up * segment * sizeof(float), here);
      if (!last) up_out[up] = comm.start_send(bytes_of(std::span<const float>(here)), rank + 1, tag_up);
      ++up;
      moved = true;
    }
    // The result comes back into the memory that the running sum was sent from: ask for it once that send is done.
    if (!last && asked < up && comm.ready(up_out[asked])) {
      down_in[asked] = comm.start_receive(bytes_of(part(asked)), rank + 1, tag_down);
      ++asked;
      moved = true;
    }
    if (down < (last ? up : asked) && (last || comm.ready(down_in[down]))) {
      if (!first) down_out[down] = comm.start_send(bytes_of(std::span<const float>(part(down))), rank - 1, tag_down);
      ++down;
      moved = true;
    }
    if (moved) {
      backoff = Backoff();
    } else {
      backoff.pause();
    }
  }
  for (auto& request : down_out) comm.wait(request);
}

void add_values(const std::byte* values, std::span<float> sum) {
  float block[1024];
  for (std::size_t i = 0; i < sum.size(); i += std::size(block)) {
    const std::size_t n = std::min(std::size(block), sum.size() - i);
    std::memcpy(block, values + i * sizeof(float), n * sizeof(float));
    for (std::size_t j = 0; j < n; ++j) sum[i + j] += block[j];
  }
}

}  // namespace tersegrad
