// What the targets of data files share: a file in memory, plain or as gz.
#pragma once

#include <zlib.h>

#include "fuzz/target.hpp"
#include "tersegrad/data/readers/bytes.hpp"

namespace tersegrad::fuzz {

inline Bytes gzipped(const Bytes& content) {
  z_stream stream{};
  require(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib");
  Bytes out(deflateBound(&stream, static_cast<uLong>(content.size())) + 64);
  stream.next_in = const_cast<std::uint8_t*>(content.data());
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  require(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// `choice`, then the content: what a target that is told by its first byte what to read takes.
inline Bytes chosen(std::uint8_t choice, const Bytes& content) {
  Bytes input{choice};
  input.insert(input.end(), content.begin(), content.end());
  return input;
}

}  // namespace tersegrad::fuzz
