// A compressor that quantises every coordinate by itself, with a few scales a block: its author writes two functions, encode()
// and decode() of a block, and three facts of a line each. Arguments of the spelling: core/text/spec.hpp; methods/qsgd.cpp has one.
//
// examples/block_sign/block_sign.cpp is one, whole, in 40 lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/random/random.hpp"

namespace tersegrad {

/// The random numbers of one block's coordinates: the same however the vector is cut into buckets and shared out.
class BlockDraws {
 public:
  /// \param begin the block's first coordinate in the whole vector
  BlockDraws(const Stream& stream, std::int64_t begin) : stream_(stream), begin_(static_cast<std::uint64_t>(begin)) {}
  /// Uniform on (0, 1), of 32 bits; always the same for a coordinate of an agent and step. \param j within the block
  double uniform(std::size_t j) const {
    const std::uint64_t at = begin_ + j;
    return (stream_.block(at / 4)[at % 4] + 0.5) * 0x1p-32;
  }

 private:
  const Stream& stream_;
  std::uint64_t begin_;
};

/// A quantisation of blocks: C(v)_j = f(s_j; scales) with one symbol s_j a coordinate and a few floats a block. Immutable;
/// several threads share one.
///
/// What it need not care for: how coordinates lie in buckets and blocks in messages, their lengths and checks, replicas (no
/// block crosses one), the agents' mean (GatheredMean: the sum in agent order), and numbers that are not finite. A block
/// with inf or NaN never reaches encode(): it decodes to NaN throughout, and its coordinates that are not finite are counted
/// in header.nonfinite. A block whose scales are not finite although its values are is one that the wire cannot hold: all its
/// coordinates are counted, and it decodes to NaN too.
class CoordinatewiseMethod {
 public:
  /// How a block travels.
  struct Wire {
    std::int64_t block = 128;   ///< coordinates of a block, ≥ 8; 0: a whole replica. Divisors of 128 are encoded bucket by
                                ///< bucket, others wait for the whole gradient. The last block of a replica may be shorter
    std::uint32_t symbols = 2;  ///< how many there are, 2 to 65536: ⌈log2 symbols⌉ bits a coordinate
    std::size_t scales = 1;     ///< floats of a block, 1 to 16
  };

  virtual ~CoordinatewiseMethod() = default;
  /// Canonical spelling, with its arguments: "block-sign", "qsgd:4".
  virtual std::string name() const = 0;
  virtual Wire wire() const = 0;
  /// What holds of every block, the shorter last one of a replica too. \param block coordinates of a full one
  virtual Traits traits(std::int64_t block) const = 0;

  /// \param values  a whole block, all finite; perhaps all zero, and then too the scales are finite
  /// \param draws   for stochastic rounding
  /// \param scales  [Wire::scales], to be filled \param symbols  one a coordinate, to be filled, each below Wire::symbols
  virtual void encode(std::span<const float> values, const BlockDraws& draws, std::span<float> scales,
                      std::span<std::uint32_t> symbols) const = 0;
  /// The value of every symbol. \param symbols  some of a block's, not always all: a value depends on its own symbol and the
  /// scales alone \param scales  of that block, never NaN \param values  [symbols.size()], to be filled: finite for what
  /// encode() makes
  virtual void decode(std::span<const std::uint32_t> symbols, std::span<const float> scales, std::span<float> values) const = 0;
};

/// The compressor of such a method.
///
/// A message is the scales of every block that the bucket touches (fp32), then one symbol a coordinate as
/// kernels::pack_symbols() lays them out. Down: see GatheredMean. \throws Bug for a Wire that is none
std::unique_ptr<Compressor> make_coordinatewise(std::unique_ptr<const CoordinatewiseMethod> method, const CompressorSetup& setup);

}  // namespace tersegrad
