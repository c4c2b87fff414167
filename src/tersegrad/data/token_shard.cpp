#include "tersegrad/data/token_shard.hpp"

#include <array>
#include <string>

namespace tersegrad {
namespace {

constexpr std::uint64_t header_bytes = 256 * 4;

struct Format {
  std::int64_t magic, version;
  std::size_t id_bytes;
};
constexpr std::array formats{Format{20240520, 1, 2}, Format{20240801, 7, 4}};

std::uint32_t little_endian(const std::uint8_t* bytes, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

}  // namespace

std::vector<std::uint32_t> read_token_shard(ByteStream& bytes, std::int64_t vocabulary) {
  const auto header = bytes.read_exactly(header_bytes, header_bytes, "the header of a token shard");
  const auto field = [&](std::size_t i) {
    return static_cast<std::int64_t>(static_cast<std::int32_t>(little_endian(header.data() + 4 * i, 4)));
  };
  const Format* format = nullptr;
  for (const auto& known : formats) {
    if (field(0) == known.magic && field(1) == known.version) format = &known;
  }
  if (format == nullptr) {
    bytes.fail("begins with the magic number ", field(0), " and version ", field(1),
               " (expected 20240520 and 1, uint16 ids, or 20240801 and 7, uint32 ids: a token shard)");
  }
  const std::int64_t count = field(2);
  if (count <= 0 || static_cast<std::uint64_t>(count) > max_content_bytes / format->id_bytes) {
    bytes.fail("claims at byte 8 to hold ", count, " tokens (expected at least one and at most ", max_content_bytes,
               " bytes)");
  }
  const std::string what = concat(count, " tokens of ", format->id_bytes, " bytes");
  const auto content_bytes = static_cast<std::uint64_t>(count) * format->id_bytes;
  const auto content = bytes.read_exactly(content_bytes, header_bytes + content_bytes, what);
  bytes.expect_end(what);
  std::vector<std::uint32_t> tokens(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = little_endian(content.data() + i * format->id_bytes, format->id_bytes);
    if (tokens[i] >= vocabulary) {
      bytes.fail("has the token ", tokens[i], " at byte ", header_bytes + i * format->id_bytes, " (expected 0 to ",
                 vocabulary - 1, ")");
    }
  }
  return tokens;
}

}  // namespace tersegrad
