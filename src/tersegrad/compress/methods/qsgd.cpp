// QSGD: stochastic quantisation to s levels of the Euclidean norm (Alistarh et al. 2017, Section 3.1).
//
//     C(g)_j = ‖g‖₂·sign(g_j)·l_j/s with E l_j = s|g_j|/‖g‖₂;   E C(g) = g,   ω = min(n/s², √n/s)   (Lemma 3.1)
//
// The norm is that of a block of n coordinates ("bucket" in that paper), so that ω does not grow with d. Symbols have a
// fixed ⌈log2(2s + 1)⌉ bits: no Elias coding, lengths are known before a byte is sent.
#include <algorithm>
#include <cmath>

#include "tersegrad/compress/quantized/quantizer.hpp"

namespace tersegrad {
namespace {

class Qsgd final : public Quantizer {
 public:
  using Quantizer::Quantizer;
  std::string name() const override { return concat("qsgd:", setup().levels, block_suffix(setup().block)); }
  Traits traits() const override {
    const double n = block_dim(), s = setup().levels;
    return {.kind = Traits::Kind::unbiased,
            .constant = std::min(n / (s * s), std::sqrt(n) / s),
            .whole_gradient = needs_whole_gradient()};
  }
};

const Registration<Compressor, const CompressorSetup&> registration{
    "qsgd",
    "LEVELS levels of each block's norm and a sign, in ⌈log2(2 LEVELS + 1)⌉ bits (unbiased, ω = min(n/s², √n/s))",
    {{"levels", "", "levels s of a magnitude, from 1 to 32767: 1 takes 2 bits a coordinate, 7 takes 4, 127 takes 8", "4"},
     block_parameter()},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      const auto levels = static_cast<std::uint32_t>(arguments.integer("levels", 1, 32767));
      return std::make_unique<Qsgd>(QuantizerSetup{setup, BlockScale::euclidean, levels, block_size(arguments)});
    }};

}  // namespace
}  // namespace tersegrad
