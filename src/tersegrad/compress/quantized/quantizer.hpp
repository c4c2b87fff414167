// Unbiased quantisation of blocks to a few levels of a common scale: QSGD and TernGrad.
#pragma once

#include <cstdint>
#include <memory>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/compress/wire/blocks.hpp"

namespace tersegrad {

/// What a block's levels are fractions of.
enum class BlockScale {
  euclidean,  ///< m = ‖g_block‖₂
  largest,    ///< m = max |g_j|
};

/// C(g)_j = (m/s)·l_j with l_j of {⌊t⌋, ⌊t⌋ + 1}, t = s·g_j/m, drawn so that E l_j = t: QSGD's and TernGrad's levels of
/// |g_j| with the sign put back.
///
/// A message is one level m/s of every block that the bucket touches (fp32), then one symbol l_j + s a coordinate, in
/// ⌈log2(2s + 1)⌉ bits, laid out by kernels::pack_symbols() from the bucket's beginning on. Down: see GatheredMean.
/// Draws: one 48-bit number a coordinate of the agent's stream, addressed by coordinate, of which 16 bits or fewer
/// mostly decide (Coins). A block with a non-finite coordinate decodes to NaN throughout; the coordinate is counted in
/// header.nonfinite of the bucket where it lies.
struct QuantizerSetup {
  CompressorSetup common;
  BlockScale scale = BlockScale::euclidean;
  std::uint32_t levels = 1;  ///< s, 1 ≤ s ≤ 32767
  std::int64_t block = 0;    ///< coordinates of a block; 0: a whole replica
};

/// The declared argument `block`, and reading it. \throws Error unless 0 or at least 8
Parameter block_parameter();
std::int64_t block_size(const Arguments& arguments);
/// "" for the default, ":block=512": the suffix of a canonical name.
std::string block_suffix(std::int64_t block);

/// Everything of a Compressor but its name and traits.
class Quantizer : public Compressor {
 public:
  explicit Quantizer(const QuantizerSetup& setup) : setup_(setup), blocks_(setup.common.layout, setup.block) {}
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override;
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override;
  std::unique_ptr<Aggregator> aggregator() const override;

 protected:
  const QuantizerSetup& setup() const { return setup_; }
  bool needs_whole_gradient() const { return !blocks_.within_buckets(); }
  double block_dim() const { return static_cast<double>(blocks_.size()); }

 private:
  QuantizerSetup setup_;
  Blocks blocks_;
};

}  // namespace tersegrad
