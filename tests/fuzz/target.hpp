// What every fuzz target defines. One program a target: with clang it is libFuzzer's (seeding.cpp), with any compiler
// it runs over its corpus and a fixed number of mutations (replay.cpp), as a test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

#include "tersegrad/core/error.hpp"

namespace tersegrad::fuzz {

using Bytes = std::vector<std::uint8_t>;

/// Reads one input, as hostile as it may be. Returns, whatever it is; anything else is a finding.
void one_input(std::span<const std::uint8_t> input);

/// Well-formed inputs to start from, made by the code that writes them.
std::vector<Bytes> seeds();

/// A finding: what must hold does not.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

/// Runs `read`; the only exception that may leave it is an Error of one line.
template <class F>
void refused_or_read(F&& read) {
  try {
    read();
  } catch (const Error& error) {
    require(std::string_view(error.what()).find('\n') == std::string_view::npos, "an error of more than one line");
    require(!std::string_view(error.what()).starts_with("bug:"), error.what());
  }
}

/// Takes small numbers off the front of an input; zeros once it is used up.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> input) : rest_(input) {}
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  std::uint64_t number(int bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value |= std::uint64_t{byte()} << (8 * i);
    return value;
  }
  std::span<const std::uint8_t> rest() const { return rest_; }

 private:
  std::span<const std::uint8_t> rest_;
};

}  // namespace tersegrad::fuzz
