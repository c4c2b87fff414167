#include "tersegrad/comm/ordered_sum.hpp"

#include <algorithm>
#include <cstring>

#include "tersegrad/comm/backoff.hpp"

namespace tersegrad {
namespace {

constexpr std::size_t segment_size = std::size_t{1} << 16;  // values: 256 KiB, large beside a message's latency

}  // namespace

OrderedSum::OrderedSum(const Communicator& comm, std::vector<const std::byte*> addends, std::span<float> sum,
                       int tag_up, int tag_down)
    : comm_(comm), addends_(std::move(addends)), sum_(sum), tag_up_(tag_up), tag_down_(tag_down),
      first_(comm.rank() == 0), last_(comm.rank() == comm.size() - 1),
      segments_((sum.size() + segment_size - 1) / segment_size), up_in_(segments_, MPI_REQUEST_NULL), up_out_(up_in_),
      down_in_(up_in_), down_out_(up_in_) {
  // MPI matches messages of one sender and tag in order, so segments need no numbers.
  if (first_) return;
  for (std::size_t s = 0; s < segments_; ++s) {
    up_in_[s] = comm_.start_receive(bytes_of(part(s)), comm_.rank() - 1, tag_up_);
  }
}

std::span<float> OrderedSum::part(std::size_t segment) const {
  return sum_.subspan(segment * segment_size, std::min(segment_size, sum_.size() - segment * segment_size));
}

bool OrderedSum::add_next() {
  if (up_ == segments_ || !(first_ || comm_.ready(up_in_[up_]))) return false;
  const auto here = part(up_);
  // While the segment is in the cache: begin (on the first rank), then add.
  if (first_) std::fill(here.begin(), here.end(), 0.0f);
  for (const std::byte* addend : addends_) add_values(addend + up_ * segment_size * sizeof(float), here);
  if (!last_) up_out_[up_] = comm_.start_send(bytes_of(std::span<const float>(here)), comm_.rank() + 1, tag_up_);
  ++up_;
  return true;
}

bool OrderedSum::progress() {
  bool moved = add_next();
  // The result comes back into the memory that the running sum was sent from: ask for it once that send is done.
  if (!last_ && asked_ < up_ && comm_.ready(up_out_[asked_])) {
    down_in_[asked_] = comm_.start_receive(bytes_of(part(asked_)), comm_.rank() + 1, tag_down_);
    ++asked_;
    moved = true;
  }
  if (down_ < (last_ ? up_ : asked_) && (last_ || comm_.ready(down_in_[down_]))) {
    if (!first_) {
      down_out_[down_] = comm_.start_send(bytes_of(std::span<const float>(part(down_))), comm_.rank() - 1, tag_down_);
    }
    ++down_;
    moved = true;
  }
  if (down_ == segments_ && !sent_) {
    sent_ = std::all_of(down_out_.begin(), down_out_.end(), [this](auto& request) { return comm_.ready(request); });
    moved |= sent_;
  }
  return moved;
}

void ordered_sum(const Communicator& comm, std::span<const std::byte* const> addends, std::span<float> sum) {
  OrderedSum total(comm, {addends.begin(), addends.end()}, sum, 11, 12);
  for (Backoff backoff; !total.done();) {
    if (total.progress()) {
      backoff.reset();
    } else {
      backoff.pause();
    }
  }
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
