#include "tersegrad/compress/message.hpp"

#include "tersegrad/core/error.hpp"

namespace tersegrad {

std::uint32_t compressor_id(const std::string& name) {
  std::uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

void check(const Header& header, const Expected& expected, const std::string& sender) {
  const auto require = [&](const char* field, auto got, auto wanted) {
    TERSEGRAD_CHECK(got == wanted, "message from ", sender, " (agent ", expected.agent, ") at step ", expected.step,
                    ", bucket ", expected.bucket.index, " has ", field, " ", got, " (expected ", wanted, ")");
  };
  require("magic number", header.magic, Header::expected_magic);
  require("format version", header.version, Header::expected_version);
  require("kind", static_cast<int>(header.kind), static_cast<int>(expected.kind));
  require("step", header.step, expected.step);
  require("bucket", header.bucket, expected.bucket.index);
  require("agent", header.agent, expected.agent);
  require("compressor id", header.compressor, expected.compressor);
  require("dimension", header.dim, static_cast<std::uint64_t>(expected.bucket.size()));
  TERSEGRAD_CHECK(header.payload_bytes <= expected.max_payload_bytes, "message from ", sender, " (agent ", expected.agent,
                  ") at step ", expected.step, ", bucket ", expected.bucket.index, " announces ", header.payload_bytes,
                  " payload bytes (at most ", expected.max_payload_bytes, " are possible)");
}

}  // namespace tersegrad
