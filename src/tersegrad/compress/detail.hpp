// What the compressors' files share.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include "tersegrad/compress/wire/message.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad {

/// The bit of Header::flags that says: the payload holds every value (sparse compressors, gathered means).
inline constexpr std::uint8_t flag_dense = 4;

inline void resize_payload(Message& message, std::int64_t bytes) {
  message.payload.resize(static_cast<std::size_t>(bytes));
  message.header.payload_bytes = static_cast<std::uint64_t>(bytes);
}

inline std::uint32_t saturate(std::int64_t count) {
  return static_cast<std::uint32_t>(std::min<std::int64_t>(count, std::numeric_limits<std::uint32_t>::max()));
}

/// The shortest text that reads back as the same number: for canonical names.
inline std::string shortest(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

/// Bytes of a bit plane of n coordinates.
inline std::int64_t plane_bytes(std::int64_t n) { return (n + 7) / 8; }

/// \throws Error unless the payload has exactly `bytes`: a receiver looks before it reads.
inline void require_payload(const MessageView& message, std::int64_t bytes) {
  TERSEGRAD_CHECK(static_cast<std::int64_t>(message.payload.size()) == bytes &&
                      message.header.payload_bytes == static_cast<std::uint64_t>(bytes),
                  "payload of ", message.payload.size(), " bytes at step ", message.header.step, ", bucket ",
                  message.header.bucket, ", agent ", message.header.agent, " (expected ", bytes, ")");
}

/// \throws Error unless the payload has at least `bytes` and the length that its header says.
inline void require_payload_at_least(const MessageView& message, std::int64_t bytes) {
  if (static_cast<std::int64_t>(message.payload.size()) < bytes) require_payload(message, bytes);
  require_payload(message, static_cast<std::int64_t>(message.payload.size()));
}

}  // namespace tersegrad
