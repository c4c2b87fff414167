// TernGrad: −m, 0 or +m with m = max |g_j| (Wen et al. 2017, Eqs. 1–3), 2 bits a coordinate.
//
//     C(g)_j = m·sign(g_j)·b_j, P(b_j = 1) = |g_j|/m;   E C(g) = g,   ω = (√n − 1)/2
//
// E‖C(g) − g‖² = m‖g‖₁ − ‖g‖². Its ratio to ‖g‖² is largest where one coordinate is m and the n − 1 others are
// m/(√n + 1): hence ω. m is that of a block of n coordinates (the paper: a layer). No gradient clipping:
// --clip-norm does that.
#include <cmath>

#include "tersegrad/compress/quantized/quantizer.hpp"

namespace tersegrad {
namespace {

class TernGrad final : public Quantizer {
 public:
  using Quantizer::Quantizer;
  std::string name() const override { return "terngrad" + block_suffix(setup().block); }
  Traits traits() const override {
    return {.kind = Traits::Kind::unbiased,
            .constant = (std::sqrt(block_dim()) - 1) / 2,
            .whole_gradient = needs_whole_gradient()};
  }
};

const Registration<Compressor, const CompressorSetup&> registration{
    "terngrad",
    "-m, 0 or +m with m each block's largest magnitude, in 2 bits (unbiased, ω = (√n − 1)/2)",
    {block_parameter()},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      return std::make_unique<TernGrad>(QuantizerSetup{setup, BlockScale::largest, 1, block_size(arguments)});
    }};

}  // namespace
}  // namespace tersegrad
