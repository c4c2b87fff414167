// The wire format: every message is a 64-byte header and its payload.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

#include "tersegrad/core/buffer.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/layout.hpp"

namespace tersegrad {

enum class MessageKind : std::uint8_t {
  uplink = 1,     ///< one agent's compressed gradient
  aggregate = 2,  ///< the agents' mean, on its way back
  partial = 3,    ///< the sum over a group of agents (PartialSums)
};

/// Bits of Header::control: what ranks tell each other about the run. An aggregate carries the union of all ranks'.
enum ControlFlag : std::uint8_t {
  control_checkpoint = 1,  ///< rank 0 wants a checkpoint after this step
  control_stop = 2,        ///< asked to end the run; an aggregate that carries it ends it on every rank at this step
  control_report = 4,      ///< rank 0 wants the ranks' timings after this step
};

/// The 64 bytes in front of every payload, little-endian.
struct Header {
  static constexpr std::uint32_t expected_magic = 0x44524754;  // "TGRD"
  static constexpr std::uint8_t expected_version = 5;

  std::uint32_t magic = expected_magic;
  std::uint8_t version = expected_version;
  std::uint8_t control = 0;  ///< of ControlFlag
  MessageKind kind = MessageKind::uplink;
  std::uint8_t flags = 0;  ///< the compressor's own: no other part reads them
  std::uint64_t step = 0;
  std::uint32_t bucket = 0;
  std::uint32_t agent = 0;       ///< sender; of an aggregate or a partial sum: the number of agents in it
  std::uint32_t compressor = 0;  ///< compressor_id of its canonical name
  /// uplink: coordinates that are not finite, or not once they are packed (saturating); aggregate: agents that had any
  std::uint32_t nonfinite = 0;
  std::uint64_t dim = 0;         ///< coordinates of the bucket
  std::uint64_t k = 0;           ///< values in the payload (sparse compressors), else dim
  std::uint64_t payload_bytes = 0;
  float loss = 0;           ///< of the agent's batch; of an aggregate: the agents' mean
  std::uint32_t crc32c = 0; ///< checksum() of a message that travels to another rank (--verify on)
};
static_assert(sizeof(Header) == 64 && std::is_trivially_copyable_v<Header>);

/// A message that owns its payload.
struct Message {
  Header header;
  Buffer<std::byte> payload;
};

/// A message whose payload lies elsewhere.
struct MessageView {
  Header header;
  std::span<const std::byte> payload;
};
inline MessageView view(const Message& message) { return {message.header, message.payload}; }

/// 32-bit FNV-1a of a compressor's canonical name: what the header carries.
std::uint32_t compressor_id(const std::string& name);

/// Before a payload is written: no flags, k every coordinate, nothing non-finite. The method then says what differs.
inline void begin_contents(const Bucket& bucket, Header& header) {
  header.flags = 0;
  header.k = static_cast<std::uint64_t>(bucket.size());
  header.nonfinite = 0;
}
/// After it.
inline void complete_contents(Message& message) { message.header.payload_bytes = message.payload.size(); }

/// What a receiver knows a message must say.
struct Expected {
  MessageKind kind = MessageKind::uplink;
  std::uint64_t step = 0;
  Bucket bucket;
  std::uint32_t agent = 0;
  std::uint32_t compressor = 0;
  std::uint64_t max_payload_bytes = 0;
};

/// Writes what check() compares, all but the payload's length: that, control, flags, k, nonfinite and loss are others' to fill in.
void identify(Header& header, const Expected& as);

/// Checks a header before its payload is received.
/// \param sender e.g. "rank 3", for the text
/// \throws Error naming the sender, the step and the first field that differs, with both values
void check(const Header& header, const Expected& expected, const std::string& sender);

/// CRC-32C of a header, its own checksum taken as 0, and the payload behind it: every bit that travels.
std::uint32_t checksum(const Header& header, std::span<const std::byte> payload);

/// The sender's last touch. \param payload what travels with the header; empty where it goes alone
inline void add_checksum(Header& header, std::span<const std::byte> payload) { header.crc32c = checksum(header, payload); }

/// A message that changed on the way.
class ChecksumError : public Error {
 public:
  using Error::Error;
};

/// Behind check(), once the payload is there. A flipped bit is always seen, as is any change within 32 bits that follow
/// one another; of other changes one in 2^32 is not.
/// \throws ChecksumError naming the sender, its agent, the step, the bucket and both checksums
void verify_checksum(const Header& header, std::span<const std::byte> payload, int from_rank);

}  // namespace tersegrad
