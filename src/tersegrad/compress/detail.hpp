// What the compressors' files share.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include "tersegrad/compress/message.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad {

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

/// Coordinates whose mean stays in the cache until it is applied.
inline constexpr std::int64_t descent_run = 4096;

/// x_j ← x_j − step·mean_j where the mean is made in runs that stay in the cache.
/// \param mean_of called with (begin, run): writes the mean's coordinates [begin, begin + run.size()) to `run`
template <class MeanOf>
void descend_in_runs(std::span<float> x, float step, MeanOf&& mean_of) {
  constexpr std::size_t longest = descent_run;
  alignas(64) float mean[longest];
  for (std::size_t begin = 0; begin < x.size(); begin += longest) {
    const std::span run(mean, std::min(longest, x.size() - begin));
    mean_of(static_cast<std::int64_t>(begin), run);
    for (std::size_t j = 0; j < run.size(); ++j) x[begin + j] -= step * run[j];
  }
}

}  // namespace tersegrad
