#include "tersegrad/compress/sign/sign_planes.hpp"

#include <algorithm>
#include <array>

#include "tersegrad/compress/capabilities/axpby_encoder.hpp"
#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/kernels/dense/apply.hpp"
#include "tersegrad/compress/kernels/sign/sign_memory.hpp"
#include "tersegrad/compress/sign/zero_mask.hpp"

namespace tersegrad {

Parameter zero_parameter() {
  return {"zero", "exact",
          "what sign(0) is: exact (0, by a packed mask where there are zeros), random (fair coin) or plus (+1)"};
}

ZeroRule zero_rule(const Arguments& arguments) {
  const auto& zero = arguments.one_of("zero", {"exact", "random", "plus"});
  return zero == "exact" ? ZeroRule::exact : zero == "random" ? ZeroRule::random : ZeroRule::plus;
}

std::string zero_suffix(ZeroRule rule) {
  return rule == ZeroRule::exact ? "" : rule == ZeroRule::random ? ":zero=random" : ":zero=plus";
}

void toss_coins(const StreamId& id, const Bucket& bucket, std::span<const std::byte> wanted,
                std::span<std::byte> plane) {
  const Stream stream(id);
  std::uint64_t cached = ~0ull;
  std::array<std::uint32_t, 4> words{};
  for (std::size_t b = 0; b < wanted.size(); ++b) {
    for (unsigned mask = std::to_integer<unsigned>(wanted[b]); mask != 0; mask &= mask - 1) {
      const unsigned bit = static_cast<unsigned>(__builtin_ctz(mask));
      const std::uint64_t coordinate = static_cast<std::uint64_t>(bucket.begin) + 8 * b + bit;
      if (coordinate / 128 != cached) words = stream.block(cached = coordinate / 128);
      const unsigned coin = words[coordinate % 128 / 32] >> (coordinate % 32) & 1u;
      plane[b] |= static_cast<std::byte>(coin << bit);
    }
  }
}

void append_mask(const Bucket& bucket, std::span<const std::byte> mask, std::int64_t at, Message& message,
                 std::vector<std::byte>& scratch) {
  // A quarter of a ReLU network's coordinates may be zero, but in runs: as a plane they would cost the second
  // bit that one-bit compression is about, packed a few hundredths.
  message.header.flags |= flag_zeros;
  pack_mask(mask, bucket.size(), scratch);
  const bool packed = scratch.size() < mask.size();
  if (packed) message.header.flags |= flag_packed;
  const auto shorter = packed ? std::span<const std::byte>(scratch) : mask;
  resize_payload(message, at + static_cast<std::int64_t>(shorter.size()));
  std::copy(shorter.begin(), shorter.end(), message.payload.begin() + at);
}

const std::byte* read_mask(const Bucket& bucket, const MessageView& message, std::int64_t at,
                           std::vector<std::byte>& scratch) {
  const std::int64_t plane = plane_bytes(bucket.size());
  if ((message.header.flags & flag_packed) == 0) {
    require_payload(message, at + plane);
    return message.payload.data() + at;
  }
  require_payload_at_least(message, at);
  scratch.resize(static_cast<std::size_t>(plane));
  TERSEGRAD_CHECK(unpack_mask(message.payload.subspan(static_cast<std::size_t>(at)), bucket.size(), scratch),
                  "damaged zero mask at step ", message.header.step, ", bucket ", bucket.index, ", agent ",
                  message.header.agent);
  return scratch.data();
}

SignWriter::Planes SignWriter::planes(const Bucket& bucket, std::int64_t prefix, Message& message) {
  const auto plane = static_cast<std::size_t>(plane_bytes(bucket.size()));
  resize_payload(message, prefix + static_cast<std::int64_t>(plane));
  mask_.resize(plane);
  return {std::span(message.payload).subspan(static_cast<std::size_t>(prefix)), mask_};
}

void SignWriter::finish(const Bucket& bucket, const kernels::SignCounts& counts, std::int64_t prefix,
                        Message& message) {
  message.header.nonfinite = saturate(counts.nonfinite);
  if (counts.zeros + counts.nan == 0) return;
  const auto signs = std::span(message.payload).subspan(static_cast<std::size_t>(prefix));
  switch (rule_) {
    case ZeroRule::exact:
      append_mask(bucket, mask_, prefix + plane_bytes(bucket.size()), message, packed_);
      break;
    case ZeroRule::random:
      toss_coins({seed_, Purpose::zero, agent_, step_}, bucket, mask_, signs);
      break;
    case ZeroRule::plus:
      for (std::size_t b = 0; b < signs.size(); ++b) signs[b] |= mask_[b];
      break;
  }
}

void SignWriter::write(const Bucket& bucket, std::span<const float> values, std::int64_t prefix, Message& message) {
  const Planes room = planes(bucket, prefix, message);
  finish(bucket, kernels::pack_signs(values, room.signs, room.zeros), prefix, message);
}

SignPlanes read_signs(const Bucket& bucket, const MessageView& message, std::int64_t prefix,
                      std::vector<std::byte>& scratch) {
  const std::int64_t plane = plane_bytes(bucket.size());
  require_payload_at_least(message, prefix + plane);
  SignPlanes planes{message.payload.data() + prefix, nullptr};
  if ((message.header.flags & flag_zeros) == 0) {
    require_payload(message, prefix + plane);
    return planes;
  }
  planes.zeros = read_mask(bucket, message, prefix + plane, scratch);
  std::byte both{0};
  for (std::int64_t b = 0; b < plane; ++b) both |= planes.signs[b] & planes.zeros[b];
  TERSEGRAD_CHECK(both == std::byte{0}, "coordinates that are zero and positive at once at step ", message.header.step,
                  ", bucket ", bucket.index, ", agent ", message.header.agent, " (a damaged message)");
  return planes;
}

namespace {

/// Calls use(planes of a count, factor): a sign is 2·sign bit − 1, or 2·sign bit + zero bit − 1.
template <class Use>
void as_counts(const SignPlanes& planes, Use&& use) {
  const std::byte* both[] = {planes.zeros, planes.signs};
  const std::span<const std::byte* const> counts(both);
  planes.zeros == nullptr ? use(counts.subspan(1), 2) : use(counts, 1);
}

}  // namespace

void decode_signs(const SignPlanes& planes, std::span<float> out) {
  as_counts(planes, [&](auto counts, int factor) { kernels::decode_counts(counts, out, 1.0f, -1, factor); });
}

void subtract_signs(const SignPlanes& planes, float step, std::span<float> x) {
  as_counts(planes, [&](auto counts, int factor) { kernels::apply_counts(counts, x, 1.0f, -1, factor, step); });
}

namespace {

class SignEncoder final : public Encoder, public AxpbyEncoder {
 public:
  SignEncoder(ZeroRule rule, std::uint64_t seed, std::uint32_t agent) : AxpbyEncoder(static_cast<Encoder&>(*this)), writer_(rule, seed, agent) {}
  void begin_step(std::uint64_t step, std::span<const float>) override { writer_.begin_step(step); }
  void pack(const Bucket& bucket, std::span<const float> values, Message& message) override {
    writer_.write(bucket, values, 0, message);
  }
  AxpbyEncoder* axpby() override { return this; }
  void pack_axpby(const Bucket& bucket, const kernels::Axpby& part, std::span<float> p, Message& message) override {
    const auto room = writer_.planes(bucket, 0, message);
    writer_.finish(bucket, kernels::pack_signs_axpby(part, p, room.signs, room.zeros), 0, message);
  }
  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    decode_signs(read_signs(bucket, view(message), 0, mask_), out);
  }

 private:
  SignWriter writer_;
  std::vector<std::byte> mask_;
};

}  // namespace

std::unique_ptr<Encoder> sign_encoder(ZeroRule rule, std::uint64_t seed, std::uint32_t agent) {
  return std::make_unique<SignEncoder>(rule, seed, agent);
}

}  // namespace tersegrad
