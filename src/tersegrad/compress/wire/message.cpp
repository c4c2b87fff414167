#include "tersegrad/compress/wire/message.hpp"

#include <cstdio>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/kernels/crc32c.hpp"

namespace tersegrad {

std::uint32_t compressor_id(const std::string& name) {
  std::uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

void identify(Header& header, const Expected& as) {
  header.kind = as.kind;
  header.step = as.step;
  header.bucket = as.bucket.index;
  header.agent = as.agent;
  header.compressor = as.compressor;
  header.dim = static_cast<std::uint64_t>(as.bucket.size());
}

void check(const Header& header, const Expected& expected, const std::string& sender) {
  const auto require = [&](const char* field, auto got, auto wanted) {
    TERSEGRAD_CHECK(got == wanted, "message from ", sender, " (agent ", expected.agent, ") at step ", expected.step,
                    ", bucket ", expected.bucket.index, " has ", field, " ", got, " (expected ", wanted, ")");
  };
  require("magic number", header.magic, Header::expected_magic);
  require("format version", int{header.version}, int{Header::expected_version});
  require("kind", static_cast<int>(header.kind), static_cast<int>(expected.kind));
  require("step", header.step, expected.step);
  require("bucket", header.bucket, expected.bucket.index);
  require("agent", header.agent, expected.agent);
  require("compressor id", header.compressor, expected.compressor);
  require("dimension", header.dim, static_cast<std::uint64_t>(expected.bucket.size()));
  TERSEGRAD_CHECK(header.payload_bytes <= expected.max_payload_bytes, "message from ", sender, " (agent ",
                  expected.agent, ") at step ", expected.step, ", bucket ", expected.bucket.index, " announces ",
                  header.payload_bytes, " payload bytes (at most ", expected.max_payload_bytes, " are possible)");
}

std::uint32_t checksum(const Header& header, std::span<const std::byte> payload) {
  Header bare = header;
  bare.crc32c = 0;
  return kernels::crc32c(payload, kernels::crc32c(std::as_bytes(std::span(&bare, 1))));
}

void verify_checksum(const Header& header, std::span<const std::byte> payload, int from_rank) {
  const std::uint32_t arrived = checksum(header, payload);
  if (arrived == header.crc32c) return;
  char both[64];
  std::snprintf(both, sizeof both, "checksum %08x (expected %08x", arrived, header.crc32c);
  const bool of_one = header.kind == MessageKind::uplink;
  throw ChecksumError(concat("message from rank ", from_rank, of_one ? " (agent " : " (of agents: ", header.agent,
                         ") at step ", header.step, ", bucket ", header.bucket, " has ", both, ": its header or its ",
                         payload.size(), " payload bytes changed on the way; look at that host's memory and network)"));
}

}  // namespace tersegrad
