// Signs on the wire: a bit plane, and a zero mask where zeros are kept apart. What the sign family shares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/compress/kernels/sign/sign_pack.hpp"
#include "tersegrad/compress/wire/message.hpp"
#include "tersegrad/core/random/random.hpp"
#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {

/// Bits of Header::flags in the sign family's messages.
inline constexpr std::uint8_t flag_zeros = 1;   ///< a zero mask follows the sign plane; aggregate: counts run to 2N
inline constexpr std::uint8_t flag_packed = 2;  ///< that mask is packed (zero_mask.hpp), else a plane
/// Majority's partial sum: after the counts, a mask of where all the group's votes are zero.
inline constexpr std::uint8_t flag_abstained = 8;

/// What sign(0) is, and with it the vote of a NaN that --nonfinite keep lets through.
enum class ZeroRule {
  exact,   ///< 0: a zero mask follows in buckets that have zeros, packed where that is shorter than a plane
  random,  ///< ±1 by a fair coin of the agent's stream, addressed by coordinate
  plus,    ///< +1
};

/// The declared argument `zero` that the sign family shares.
Parameter zero_parameter();
/// Reads it. \throws Error unless it is exact, random or plus
ZeroRule zero_rule(const Arguments& arguments);
/// "" for exact, ":zero=random", ":zero=plus": the suffix of a canonical name.
std::string zero_suffix(ZeroRule rule);

/// Sets those bits of `plane` that `wanted` has and whose coin shows heads. Bit c mod 128 of the stream's block c / 128
/// is coordinate c's coin, so buckets do not matter. \param plane, wanted planes of the bucket
void toss_coins(const StreamId& id, const Bucket& bucket, std::span<const std::byte> wanted,
                std::span<std::byte> plane);

/// Appends a mask of the bucket to a payload that ends at `at`: packed if that is shorter, else as a plane; sets
/// flag_zeros, flag_packed and the payload's length.
void append_mask(const Bucket& bucket, std::span<const std::byte> mask, std::int64_t at, Message& message,
                 std::vector<std::byte>& scratch);

/// The mask that append_mask() left at `at`, as a plane; a packed one is unpacked into `scratch`.
/// \throws Error unless the payload ends where its flags say and the mask is well formed
const std::byte* read_mask(const Bucket& bucket, const MessageView& message, std::int64_t at,
                           std::vector<std::byte>& scratch);

/// Writes one agent's signs. A payload is `prefix` bytes of the caller's, the sign plane, the mask if any.
class SignWriter {
 public:
  SignWriter(ZeroRule rule, std::uint64_t seed, std::uint32_t agent) : rule_(rule), seed_(seed), agent_(agent) {}
  void begin_step(std::uint64_t step) { step_ = step; }

  /// The whole message but for the prefix, and header.flags, .k, .nonfinite, .payload_bytes.
  void write(const Bucket& bucket, std::span<const float> values, std::int64_t prefix, Message& message);

  /// write() in two halves, for a caller that fills the planes itself. \returns room for sign and zero plane
  struct Planes {
    std::span<std::byte> signs, zeros;
  };
  Planes planes(const Bucket& bucket, std::int64_t prefix, Message& message);
  void finish(const Bucket& bucket, const kernels::SignCounts& counts, std::int64_t prefix, Message& message);

 private:
  ZeroRule rule_;
  std::uint64_t seed_;
  std::uint32_t agent_;
  std::uint64_t step_ = 0;
  std::vector<std::byte> packed_, mask_;
};

/// The planes of a message, ⌈n/8⌉ bytes each.
struct SignPlanes {
  const std::byte* signs = nullptr;
  const std::byte* zeros = nullptr;  ///< null: no zeros
};

/// Finds the planes behind `prefix` bytes; a packed mask is unpacked into `scratch`.
/// \throws Error unless the payload has the length its flags promise and its mask is well formed
SignPlanes read_signs(const Bucket& bucket, const MessageView& message, std::int64_t prefix,
                      std::vector<std::byte>& scratch);

/// The encoder of plain signs: what `sign` and `majority` send.
std::unique_ptr<Encoder> sign_encoder(ZeroRule rule, std::uint64_t seed, std::uint32_t agent);

/// out = signs in {−1, 0, +1}.
void decode_signs(const SignPlanes& planes, std::span<float> out);

/// x ← x − step·signs: the bits of decode_signs() and two roundings.
void subtract_signs(const SignPlanes& planes, float step, std::span<float> x);

}  // namespace tersegrad
