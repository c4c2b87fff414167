#include "tersegrad/data/readers/token_shard.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace tersegrad {
namespace {

constexpr std::uint64_t header_bytes = 256 * 4;
constexpr std::size_t chunk_bytes = std::size_t{1} << 20;

struct Format {
  std::int64_t magic, version;
  std::size_t id_bytes;
};
constexpr std::array formats{Format{20240520, 1, 2}, Format{20240801, 7, 4}};

/// What a shard's content is: `id_bytes` each, so many; of raw ids the number is known at their end.
struct Content {
  std::size_t id_bytes = 0;
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;
  std::string what;
};

std::uint32_t little_endian(const std::uint8_t* bytes, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

/// -1 where there is no such field any more.
std::int64_t field(std::span<const std::uint8_t> header, std::size_t i) {
  if (header.size() < 4 * (i + 1)) return -1;
  return static_cast<std::int64_t>(static_cast<std::int32_t>(little_endian(header.data() + 4 * i, 4)));
}

const Format* format_of(std::span<const std::uint8_t> header) {
  for (const auto& known : formats) {
    if (field(header, 0) == known.magic && field(header, 1) == known.version) return &known;
  }
  return nullptr;
}

/// The first id at `first` or behind it that is not below the vocabulary; the number of ids if there is none.
std::size_t first_unknown(std::span<const std::uint8_t> ids, std::size_t id_bytes, std::int64_t vocabulary) {
  const std::size_t count = ids.size() / id_bytes;
  const auto largest = [&]<std::size_t width>() {  // of a known width this is vectorised
    std::uint32_t most = 0;
    for (std::size_t i = 0; i < count; ++i) {
      std::uint32_t id = 0;
      for (std::size_t b = 0; b < width; ++b) id |= static_cast<std::uint32_t>(ids[i * width + b]) << (8 * b);
      most = std::max(most, id);
    }
    return most;
  };
  if ((id_bytes == 2 ? largest.operator()<2>() : largest.operator()<4>()) < vocabulary) return count;
  std::size_t i = 0;
  while (i < count && little_endian(ids.data() + i * id_bytes, id_bytes) < vocabulary) ++i;
  return i;
}

/// How a file without a header can be read, if its beginning looks like ids.
std::string raw_advice(std::span<const std::uint8_t> begin, std::int64_t vocabulary) {
  const std::size_t whole = begin.size() / 4 * 4;
  bool high_halves = false, low_halves = false;  // not all zero
  for (std::size_t i = 0; i < whole; i += 4) {
    low_halves = low_halves || begin[i] != 0 || begin[i + 1] != 0;
    high_halves = high_halves || begin[i + 2] != 0 || begin[i + 3] != 0;
  }
  const auto fits = [&](std::size_t id_bytes) {
    return whole > 0 && first_unknown(begin.first(whole), id_bytes, vocabulary) == whole / id_bytes;
  };
  const auto advice = [](const char* type) {
    return concat("; it looks like raw ", type,
                  " ids without a header, as nanoGPT writes them: read it with 'format=", type,
                  "', as in --dataset tokens:context=1024,format=", type);
  };
  const bool text = std::all_of(begin.begin(), begin.end(), [](std::uint8_t byte) {
    return (byte >= 0x20 && byte < 0x7f) || (byte >= '\t' && byte <= '\r');
  });
  if (text) return "; it looks like text, which has to be turned into tokens first";
  // Any two bytes are an id below a large vocabulary, so they say nothing then.
  const bool two_bytes_tell = vocabulary <= 0xffff;
  if (fits(4) && low_halves && (!high_halves || !two_bytes_tell || !fits(2))) return advice("uint32");
  if (fits(2)) return advice("uint16");
  return "; raw ids without a header are read with 'format=uint16' or 'format=uint32'";
}

Content read_header(ByteStream& bytes, std::int64_t vocabulary) {
  std::vector<std::uint8_t> header(header_bytes);
  header.resize(bytes.read(header));
  const Format* const format = format_of(header);
  const auto known_magic =
      std::any_of(formats.begin(), formats.end(), [&](const Format& known) { return field(header, 0) == known.magic; });
  if (header.size() < header_bytes && (header.size() < 4 || known_magic)) {
    bytes.fail("ends at byte ", header.size(), " (expected ", header_bytes, " bytes for the header of a token shard)");
  }
  if (format == nullptr) {
    bytes.fail("begins with the magic number ", field(header, 0), " and version ", field(header, 1),
               " (expected 20240520 and 1, uint16 ids, or 20240801 and 7, uint32 ids: a token shard)",
               known_magic ? "" : raw_advice(header, vocabulary));
  }
  const std::int64_t count = field(header, 2);
  if (count <= 0) bytes.fail("claims at byte 8 to hold ", count, " tokens (expected at least one)");
  return {format->id_bytes, static_cast<std::uint64_t>(count) * format->id_bytes, header_bytes,
          concat(count, " tokens of ", format->id_bytes, " bytes")};
}

/// Reads what is left, chunk by chunk, and checks it. \param take  given each chunk before that \return the bytes read
template <class Take>
std::uint64_t read_ids(ByteStream& bytes, const Content& content, std::int64_t vocabulary, Take take) {
  std::vector<std::uint8_t> chunk(chunk_bytes);
  std::uint64_t total = 0;
  while (total < content.bytes) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), content.bytes - total));
    const auto got = std::span(chunk).first(bytes.read(std::span(chunk).first(wanted)));
    take(got);
    const std::size_t whole = got.size() / content.id_bytes * content.id_bytes;
    const std::size_t bad = first_unknown(got.first(whole), content.id_bytes, vocabulary) * content.id_bytes;
    if (bad < whole) {
      bytes.fail("has the token ", little_endian(got.data() + bad, content.id_bytes), " at byte ",
                 content.offset + total + bad, " (expected 0 to ", vocabulary - 1, ")");
    }
    total += got.size();
    if (got.size() < wanted) return total;
  }
  return total;
}

/// What a file is, checked from its first byte to its last. \param take  given the ids, chunk by chunk
template <class Take>
Content check(ByteStream& bytes, TokenLayout layout, std::int64_t vocabulary, std::uint64_t limit, Take take) {
  if (layout == TokenLayout::shard) {
    const Content content = read_header(bytes, vocabulary);
    if (content.bytes > limit) {
      bytes.fail("claims at byte 8 to hold ", content.bytes / content.id_bytes,
                 " tokens (expected at least one and at most ", limit, " bytes)");
    }
    const std::uint64_t got = read_ids(bytes, content, vocabulary, take);
    if (got < content.bytes) {
      bytes.fail("ends at byte ", bytes.position(), " (expected ", content.offset + content.bytes, " bytes for ",
                 content.what, ")");
    }
    bytes.expect_end(content.what);
    return content;
  }
  Content content{layout == TokenLayout::uint16 ? std::size_t{2} : std::size_t{4}, limit, 0, "raw ids"};
  bool first = true;
  content.bytes = read_ids(bytes, content, vocabulary, [&](std::span<const std::uint8_t> chunk) {
    if (std::exchange(first, false) && format_of(chunk) != nullptr) {
      bytes.fail("begins with the header of a token shard; leave 'format' out");
    }
    take(chunk);
  });
  if (content.bytes == limit) bytes.expect_end(concat(limit, " bytes, which is all that is read of compressed ids"));
  if (content.bytes == 0 || content.bytes % content.id_bytes != 0) {
    bytes.fail("holds ", content.bytes, " bytes (expected a whole number of ids of ", content.id_bytes,
               " bytes, and at least one)");
  }
  return content;
}

}  // namespace

TokenLayout parse_token_layout(const std::string& text) {
  return text == "uint16" ? TokenLayout::uint16 : text == "uint32" ? TokenLayout::uint32 : TokenLayout::shard;
}

TokenPiece read_token_shard(ByteStream& bytes, TokenLayout layout, std::int64_t vocabulary) {
  std::vector<std::uint8_t> ids;
  const Content content = check(bytes, layout, vocabulary, max_content_bytes, [&](std::span<const std::uint8_t> chunk) {
    ids.insert(ids.end(), chunk.begin(), chunk.end());
  });
  return {std::move(ids), content.id_bytes};
}

TokenPiece open_token_shard(const std::filesystem::path& path, TokenLayout layout, std::int64_t vocabulary) {
  const auto bytes = open_bytes(path, "");
  if (bytes->compressed()) return read_token_shard(*bytes, layout, vocabulary);
  constexpr std::uint64_t any = std::numeric_limits<std::int64_t>::max() / 8 * 8;
  const Content content = check(*bytes, layout, vocabulary, any, [](std::span<const std::uint8_t>) {});
  auto file = std::make_shared<const MappedFile>(path);
  if (file->bytes().size() != content.offset + content.bytes) bytes->fail("changes while it is read");
  return {std::move(file), static_cast<std::size_t>(content.offset), content.id_bytes};
}

}  // namespace tersegrad
