// Token shards. The first byte: the vocabulary, small enough for ids to be out of it, and the layout.
#include "fuzz/files.hpp"
#include "tersegrad/data/readers/token_shard.hpp"

namespace tersegrad::fuzz {
namespace {

Bytes shard(std::uint32_t magic, std::uint8_t version, std::uint8_t count, std::size_t id_bytes) {
  Bytes bytes(1024);
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(magic >> (8 * i));
  bytes[4] = version;
  bytes[8] = count;
  for (std::uint8_t token = 0; token < count; ++token) {
    bytes.push_back(token);
    bytes.resize(bytes.size() + id_bytes - 1);
  }
  return bytes;
}

}  // namespace

void one_input(std::span<const std::uint8_t> input) {
  Reader reader(input);
  const std::uint8_t choice = reader.byte();
  const std::int64_t vocabulary = std::int64_t{1} << (choice % 25);
  constexpr TokenLayout layouts[]{TokenLayout::shard, TokenLayout::uint16, TokenLayout::uint32};
  const TokenLayout layout = layouts[choice / 25 % 3];  // below 25: with a header
  refused_or_read([&] {
    const auto piece = read_token_shard(*open_bytes("input", "", reader.rest()), layout, vocabulary);
    require(piece.size() > 0, "no tokens");
    std::vector<std::uint32_t> tokens(static_cast<std::size_t>(piece.size()));
    piece.copy(0, std::span(tokens));
    for (const auto token : tokens) require(token < vocabulary, "a token out of range");
  });
}

std::vector<Bytes> seeds() {
  const Bytes narrow = shard(20240520, 1, 9, 2), wide = shard(20240801, 7, 9, 4);
  return {chosen(16, narrow), chosen(16, wide), chosen(2, narrow), chosen(16, gzipped(narrow)),
          chosen(16, gzipped(wide)), chosen(25 + 16, Bytes{1, 0, 2, 0}), chosen(50 + 16, Bytes{1, 0, 0, 0})};
}

}  // namespace tersegrad::fuzz
