// Top-k: the k largest magnitudes, exactly, unscaled (Alistarh et al. 2018; Stich et al. 2018, Definition 2.1).
//
//     ‖C(g) − g‖² ≤ (1 − k/d)·‖g‖²
//
// A 16-bit wire rounds what it sends by a relative u (2^-11 for fp16, 2^-8 for bf16): δ = (k/d)(1 − u²), as long as
// values lie in the format's normal range (fp16: 6e-5 to 65504). inf and NaN are the largest: sent as they are, and
// counted in header.nonfinite.
#include "tersegrad/compress/sparse/greedy_sparsifier.hpp"
#include "tersegrad/compress/sparse/index_sets.hpp"

namespace tersegrad {
namespace {

class TopK final : public GreedySparsifier {
 public:
  using GreedySparsifier::GreedySparsifier;
  std::string name() const override { return concat("topk:", setup().k, wire_suffix(setup().wire)); }
  Traits traits() const override {
    const double u = roundoff(setup().wire);
    return {.kind = Traits::Kind::contractive,
            .constant = static_cast<double>(setup().k) / static_cast<double>(setup().common.layout.dim) * (1 - u * u),
            .wire_roundoff = u,
            .whole_gradient = true};
  }
};

const Registration<Compressor, const CompressorSetup&> registration{
    "topk",
    "the k largest magnitudes, exactly, with their indices (contractive, δ = k/d)",
    {{"k", "", "coordinates kept: a count (1000) or a fraction of d (0.01)", "0.25"}, wire_parameter()},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      TERSEGRAD_CHECK(setup.layout.total() <= 0xffffffffll, "sparse compression of ", setup.layout.total(),
                      " coordinates (index sets hold at most 2^32 - 1)");
      const auto k = resolve_k(arguments.text("k"), setup, arguments.spec().text);
      return std::make_unique<TopK>(GreedySetup{setup, k, false, wire_format(arguments)});
    }};

}  // namespace
}  // namespace tersegrad
