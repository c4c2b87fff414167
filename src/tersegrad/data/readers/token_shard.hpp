// Token shards: a text as the ids of its tokens, in files that training code for GPT-2 exchanges.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "tersegrad/data/readers/bytes.hpp"
#include "tersegrad/data/readers/token_text.hpp"

namespace tersegrad {

/// How ids lie in a file.
enum class TokenLayout {
  shard,   ///< as llm.c writes them: 256 little-endian int32 (magic, version, number of tokens, zeros), then the ids.
           ///< Magic 20240520, version 1: uint16 ids (GPT-2); magic 20240801, version 7: uint32 ids
  uint16,  ///< ids and nothing else, as nanoGPT writes them; little-endian
  uint32   ///< likewise
};

/// "shard", "uint16" or "uint32": what the argument 'format' of the data set `tokens` takes.
TokenLayout parse_token_layout(const std::string& text);

/// Reads a text into memory, in the width that it has.
/// \param vocabulary ids are below it
/// \throws Error if the magic or version is another (saying how to read it, where the file looks like raw ids), the
/// number
///         is not positive or absurd (more than max_content_bytes in all), the content is shorter or longer than it
///         says, or an id is not below `vocabulary`
TokenPiece read_token_shard(ByteStream& bytes, TokenLayout layout, std::int64_t vocabulary);

/// The same of a file, which is read through once to check it, then mapped, and may have any size; one that is
/// compressed (its first bytes tell) is read into memory.
TokenPiece open_token_shard(const std::filesystem::path& path, TokenLayout layout, std::int64_t vocabulary);

}  // namespace tersegrad
