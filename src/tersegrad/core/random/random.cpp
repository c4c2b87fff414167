#include "tersegrad/core/random/random.hpp"

#include <Random123/philox.h>

#include "tersegrad/core/error.hpp"

namespace tersegrad {

Stream::Stream(const StreamId& id) {
  TERSEGRAD_CHECK(id.agent < (1u << 24), "agent number ", id.agent, " is out of range (at most 2^24 agents)");
  TERSEGRAD_CHECK(id.step < (1ull << 48), "step ", id.step, " is out of range (at most 2^48 steps)");
  key_ = {static_cast<std::uint32_t>(id.seed), static_cast<std::uint32_t>(id.seed >> 32)};
  counter_ = {0u, static_cast<std::uint32_t>(id.step),
              (id.agent << 8) | static_cast<std::uint32_t>(id.purpose),
              static_cast<std::uint32_t>(id.step >> 32)};
}

std::array<std::uint32_t, 4> Stream::block(std::uint64_t block) const {
  const r123::Philox4x32::ctr_type counter = {{static_cast<std::uint32_t>(block), counter_[1], counter_[2],
                                               counter_[3] | (static_cast<std::uint32_t>(block >> 32) << 16)}};
  const r123::Philox4x32::key_type key = {{key_[0], key_[1]}};
  const auto words = r123::Philox4x32()(counter, key);
  return {words[0], words[1], words[2], words[3]};
}

void Stream::fill(std::uint64_t first_block, std::span<std::uint32_t> out) const {
  std::size_t i = 0;
  for (std::uint64_t b = first_block; i < out.size(); ++b) {
    const auto words = block(b);
    for (std::size_t w = 0; w < 4 && i < out.size(); ++w) out[i++] = words[w];
  }
}

Sequence::result_type Sequence::operator()() {
  if (used_ == 4) {
    words_ = stream_.block(block_++);
    used_ = 0;
  }
  return words_[used_++];
}

std::uint64_t Sequence::next64() {
  const std::uint64_t low = (*this)();
  return (static_cast<std::uint64_t>((*this)()) << 32) | low;
}

std::uint64_t Sequence::below(std::uint64_t bound) {
  // A 64×64→128 multiply maps a word to [0, bound); the words of the short last interval are redrawn.
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(next64()) * bound;
  if (static_cast<std::uint64_t>(product) < bound) {
    const std::uint64_t threshold = (0 - bound) % bound;
    while (static_cast<std::uint64_t>(product) < threshold) product = static_cast<Wide>(next64()) * bound;
  }
  return static_cast<std::uint64_t>(product >> 64);
}

double Sequence::uniform() { return (static_cast<double>(next64() >> 11) + 0.5) * 0x1p-53; }

}  // namespace tersegrad
