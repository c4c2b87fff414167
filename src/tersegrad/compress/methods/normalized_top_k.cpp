// Top-k of the normalised gradient: Top-k on top of Normalized SGD (the paper's Figure 10, Appendix F.8).
//
//     C(g) = Top-k(g/‖g‖₂), the norm that of the agent's own noisy gradient, of each replica; C(0) = 0
//
// Every agent moves by at most a unit vector, however heavy the tails of its noise: the step size carries the scale.
// A norm that is not finite makes every kept value 0 (a finite coordinate over inf) or NaN: nothing is hidden, and
// header.nonfinite counts the gradient's.
#include "tersegrad/compress/sparse/greedy_sparsifier.hpp"
#include "tersegrad/compress/sparse/index_sets.hpp"

namespace tersegrad {
namespace {

class NormalizedTopK final : public GreedySparsifier {
 public:
  using GreedySparsifier::GreedySparsifier;
  std::string name() const override { return concat("ntopk:", setup().k, wire_suffix(setup().wire)); }
  Traits traits() const override { return {.wire_roundoff = roundoff(setup().wire), .whole_gradient = true}; }
};

const Registration<Compressor, const CompressorSetup&> registration{
    "ntopk",
    "Top-k of the normalised gradient g/‖g‖ (the paper's Fig. 10): withstands heavy-tailed noise",
    {{"k", "", "coordinates kept: a count (1000) or a fraction of d (0.01)", "0.25"}, wire_parameter()},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      TERSEGRAD_CHECK(setup.layout.total() <= 0xffffffffll, "sparse compression of ", setup.layout.total(),
                      " coordinates (index sets hold at most 2^32 - 1)");
      const auto k = resolve_k(arguments.text("k"), setup, arguments.spec().text);
      return std::make_unique<NormalizedTopK>(GreedySetup{setup, k, true, wire_format(arguments)});
    }};

}  // namespace
}  // namespace tersegrad
