#include "tersegrad/comm/exchange/ordered_sum.hpp"

#include <algorithm>
#include <cstring>

#include "tersegrad/comm/mpi/backoff.hpp"

namespace tersegrad {
namespace {

constexpr std::size_t segment_size = std::size_t{1} << 16;  // values: 256 KiB, large beside a message's latency

}  // namespace

std::size_t OrderedSum::segments_of(std::size_t values) { return (values + segment_size - 1) / segment_size; }

OrderedSum::OrderedSum(const Communicator& comm, const SumIdentity& identity, std::vector<const std::byte*> addends,
                       std::span<float> sum, int tag_up, int tag_down)
    : comm_(comm), identity_(identity), addends_(std::move(addends)), sum_(sum), first_(comm.rank() == 0),
      last_(comm.rank() == comm.size() - 1), segments_(segments_of(sum.size())) {
  const int below = comm.rank() - 1, above = comm.rank() + 1;
  const std::vector<Header> headers(segments_);
  const auto requests = [this] { return std::vector<Request>(segments_); };
  up_in_ = {below, tag_up, header_of(MessageKind::partial, identity.before), headers, requests()};
  down_in_ = {above, tag_down, header_of(MessageKind::aggregate, identity.all), headers, requests()};
  up_out_ = {above, tag_up, requests(), requests()};
  down_out_ = {below, tag_down, requests(), requests()};
  headers_up_.assign(segments_, header_of(MessageKind::partial, identity.behind));
  headers_down_.assign(last_ ? segments_ : 0, down_in_.expected);
}

std::span<float> OrderedSum::part(std::size_t segment) const {
  return sum_.subspan(segment * segment_size, std::min(segment_size, sum_.size() - segment * segment_size));
}

Header OrderedSum::header_of(MessageKind kind, std::uint32_t agents) const {
  Header header;
  const Bucket bucket{identity_.bucket, 0, static_cast<std::int64_t>(sum_.size())};
  identify(header, {kind, identity_.step, bucket, agents, identity_.compressor});
  return header;
}

void OrderedSum::number(Header& header, std::size_t segment) const {
  header.k = segment;
  header.payload_bytes = part(segment).size_bytes();
}

/// Posts the receives of what has come, of segments below `limit`. \return whether there was any
bool OrderedSum::receive(Incoming& in, std::size_t limit) {
  using Stage = Incoming::Stage;
  bool moved = false;
  for (; in.posted < limit; ++in.posted, in.stage = Stage::expected, moved = true) {
    if (in.stage == Stage::expected) {
      if (!post(in, bytes_of(std::span(&in.headers[in.posted], 1)), in.header)) break;
      in.stage = Stage::coming;
    }
    if (in.stage == Stage::coming) {
      if (!comm_.ready(in.header)) break;
      check_header(in);
      in.stage = Stage::right;
    }
    if (!post(in, bytes_of(part(in.posted)), in.payloads[in.posted])) break;
  }
  return moved;
}

void OrderedSum::check_header(const Incoming& in) const {
  const Header& header = in.headers[in.posted];
  Header wanted = in.expected;
  number(wanted, in.posted);
  check(header,
        {wanted.kind, wanted.step, {wanted.bucket, 0, static_cast<std::int64_t>(wanted.dim)}, wanted.agent,
         wanted.compressor, wanted.payload_bytes},
        concat("rank ", in.from));
  TERSEGRAD_CHECK(header.k == wanted.k && header.payload_bytes == wanted.payload_bytes, "message from rank ", in.from,
                  " at step ", wanted.step, ", bucket ", wanted.bucket, " is of segment ", header.k, ", ",
                  header.payload_bytes, " bytes (expected ", wanted.k, ", ", wanted.payload_bytes, ")");
}

/// Receives into `place` if the next message is there. \throws Error if it is shorter or longer
bool OrderedSum::post(const Incoming& in, std::span<std::byte> place, Request& request) {
  const auto message = comm_.probe(in.from, in.tag);
  if (!message) return false;
  TERSEGRAD_CHECK(message->bytes == place.size(), "message from rank ", in.from, " at step ", identity_.step, ", bucket ",
                  identity_.bucket, ": rank ", in.from, " sent ", message->bytes, " bytes of segment ", in.posted,
                  " (announced ", place.size(), ")");
  request = comm_.start_receive(place, in.from, in.tag);
  return true;
}

/// Whether a segment is here, unharmed. Asked until it is, and then not again.
bool OrderedSum::arrived(Incoming& in, std::size_t segment) {
  if (segment >= in.posted || !comm_.ready(in.payloads[segment])) return false;
  if (identity_.verify) verify_checksum(in.headers[segment], bytes_of(std::span<const float>(part(segment))), in.from);
  return true;
}

void OrderedSum::send(Outgoing& out, std::size_t segment, const Header& header) {
  out.headers[segment] = comm_.start_send(bytes_of(std::span(&header, 1)), out.to, out.tag);
  out.payloads[segment] = comm_.start_send(bytes_of(std::span<const float>(part(segment))), out.to, out.tag);
}

bool OrderedSum::add_next() {
  if (up_ == segments_ || !(first_ || arrived(up_in_, up_))) return false;
  const auto here = part(up_);
  // While the segment is in the cache: begin (on the first rank), add, then the checksum.
  if (first_) std::fill(here.begin(), here.end(), 0.0f);
  for (const std::byte* addend : addends_) add_values(addend + up_ * segment_size * sizeof(float), here);
  if (comm_.size() > 1) {
    Header& header = last_ ? headers_down_[up_] : headers_up_[up_];
    number(header, up_);
    if (identity_.verify) add_checksum(header, bytes_of(std::span<const float>(here)));
    if (!last_) send(up_out_, up_, header);
  }
  ++up_;
  return true;
}

bool OrderedSum::progress() {
  bool moved = !first_ && receive(up_in_, segments_);
  moved |= add_next();
  // The result comes back into the memory that the running sum was sent from: ask for it once that send is done.
  while (!last_ && asked_ < up_ && comm_.ready(up_out_.payloads[asked_])) {
    ++asked_;
    moved = true;
  }
  if (!last_) moved |= receive(down_in_, asked_);
  if (down_ < (last_ ? up_ : asked_) && (last_ || arrived(down_in_, down_))) {
    // As it came: nothing in it changes on the way back.
    if (!first_) send(down_out_, down_, last_ ? headers_down_[down_] : down_in_.headers[down_]);
    ++down_;
    moved = true;
  }
  if (down_ == segments_ && !sent_) {
    sent_ = true;
    for (auto* requests : {&up_out_.headers, &down_out_.headers, &down_out_.payloads}) {
      for (auto& request : *requests) sent_ = sent_ && comm_.ready(request);
    }
    moved |= sent_;
  }
  return moved;
}

void ordered_sum(const Communicator& comm, std::span<const std::byte* const> addends, std::span<float> sum) {
  // No agents' messages: ranks are counted in their place.
  const auto rank = static_cast<std::uint32_t>(comm.rank());
  const SumIdentity identity{.before = rank, .behind = rank + 1, .all = static_cast<std::uint32_t>(comm.size())};
  OrderedSum total(comm, identity, {addends.begin(), addends.end()}, sum, 11, 12);
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
