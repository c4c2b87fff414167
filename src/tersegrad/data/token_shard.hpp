// Token shards: a text as the ids of its tokens, in files that training code for GPT-2 exchanges.
#pragma once

#include <cstdint>
#include <vector>

#include "tersegrad/data/bytes.hpp"

namespace tersegrad {

/// Reads a shard as llm.c writes it: 256 little-endian int32 (magic, version, number of tokens, zeros), then the ids.
/// Magic 20240520, version 1: uint16 ids (GPT-2); magic 20240801, version 7: uint32 ids.
/// \param vocabulary ids are below it
/// \throws Error if the magic or version is another, the number is not positive or absurd (more than max_content_bytes in
///         all), the content is shorter or longer than it says, or an id is not below `vocabulary`
std::vector<std::uint32_t> read_token_shard(ByteStream& bytes, std::int64_t vocabulary);

}  // namespace tersegrad
