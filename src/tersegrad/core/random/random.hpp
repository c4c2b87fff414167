// Counter-based random streams: every random number of a run is a pure function of
// (seed, purpose, agent, step, index), so it is the same on any number of processes.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace tersegrad {

/// What a stream is drawn for; two purposes never share a number. Values are part of what a
/// checkpoint relies on: append, never renumber.
enum class Purpose : std::uint8_t {
  split = 1,     ///< train/test split of a data set
  shard = 2,     ///< which rows belong to which agent
  shuffle = 3,   ///< order of an agent's rows within an epoch (step = epoch)
  batch = 4,     ///< rows of an i.i.d. mini-batch
  noise = 5,     ///< injected gradient noise
  sparsify = 6,  ///< Rand-k index sets
  zero = 7,      ///< coins for sign(0)
  dither = 8,    ///< stochastic rounding
  init = 9,      ///< initial parameters and states
  sde = 10,      ///< Brownian increments of Euler–Maruyama
  estimate = 11, ///< which coordinates an estimator looks at
  dropout = 12,  ///< LibTorch's generator within an agent's forward pass
  factor = 13,   ///< what low-rank factors start from
  own = 128,     ///< this and the next 99 are for methods of one's own, plug-ins too: static_cast<Purpose>(128 + n)
  test = 255,
};

/// Address of one stream.
struct StreamId {
  std::uint64_t seed = 0;
  Purpose purpose = Purpose::test;
  std::uint32_t agent = 0;  ///< < 2^24
  std::uint64_t step = 0;   ///< < 2^48
};

/// Philox4x32-10 (Salmon et al. 2011, through Random123) addressed by StreamId and block.
///
/// The key is the 64-bit seed; the 128-bit counter holds (block: 48 bits, step: 48, agent: 24,
/// purpose: 8) side by side, so distinct addresses never collide: no hashing is involved.
class Stream {
 public:
  /// \throws Error if agent or step is out of its field's range.
  explicit Stream(const StreamId& id);

  /// Four independent uniform 32-bit words. \param block < 2^48
  std::array<std::uint32_t, 4> block(std::uint64_t block) const;

  /// Words [4·first_block, 4·first_block + out.size()) of the stream; out.size() need not be a multiple of 4.
  void fill(std::uint64_t first_block, std::span<std::uint32_t> out) const;

  /// The words that the counter and key hold for block 0, for vectorised generators: the block
  /// index is added as counter[0] = low 32 bits, counter[3] |= bits 32..47 shifted left by 16.
  std::array<std::uint32_t, 4> counter() const { return counter_; }
  std::array<std::uint32_t, 2> key() const { return key_; }

 private:
  std::array<std::uint32_t, 4> counter_{};
  std::array<std::uint32_t, 2> key_{};
};

/// Sequential view of a Stream: a UniformRandomBitGenerator of 32-bit words.
class Sequence {
 public:
  using result_type = std::uint32_t;
  /// \param first_block where in the stream to begin: stretches of one stream can serve independent sequences
  explicit Sequence(const StreamId& id, std::uint64_t first_block = 0) : stream_(id), block_(first_block) {}
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return 0xffffffffu; }
  result_type operator()();
  std::uint64_t next64();
  /// Uniform on {0, …, bound − 1}, exactly (Lemire 2019, rejection). \param bound ≥ 1
  std::uint64_t below(std::uint64_t bound);
  /// Uniform on (0, 1): (n + ½)·2⁻⁵³ with n of 53 bits.
  double uniform();

 private:
  Stream stream_;
  std::array<std::uint32_t, 4> words_{};
  std::uint64_t block_ = 0;
  unsigned used_ = 4;
};

/// Random permutation in place (Fisher–Yates), the same on every machine (std::shuffle is not).
template <class T>
void shuffle(std::span<T> values, Sequence& random) {
  for (std::size_t i = values.size(); i > 1; --i) {
    const auto j = static_cast<std::size_t>(random.below(i));
    std::swap(values[i - 1], values[j]);
  }
}

}  // namespace tersegrad
