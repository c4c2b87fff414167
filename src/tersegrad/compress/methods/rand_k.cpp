// Rand-k: exactly k of d coordinates without replacement, scaled by d/k. Only the values travel.
// A drawn inf or NaN travels as it is; header.nonfinite counts all of the gradient's, and what overflows if drawn.
#include "tersegrad/compress/sparse/index_sets.hpp"
#include "tersegrad/compress/sparse/shared_seed_sparsifier.hpp"

namespace tersegrad {
namespace {

class RandK final : public Compressor {
 public:
  RandK(const CompressorSetup& setup, std::int64_t k, ValueFormat wire) : k_(k), wire_(wire) {
    omega_ = static_cast<double>(setup.layout.dim) / static_cast<double>(k) - 1;
    sets_ = std::make_shared<SharedSeedSets>(SharedSeedSetup{
        setup.agents, 1 + omega_, wire,
        [layout = setup.layout, k, seed = setup.seed](std::uint32_t agent, std::uint64_t step, auto& indices) {
          draw_indices(layout, k, seed, agent, step, indices);
        }});
  }
  std::string name() const override { return concat("randk:", k_, wire_suffix(wire_)); }
  Traits traits() const override {
    return {.kind = Traits::Kind::unbiased,
            .constant = omega_,
            .family = Traits::Family::exactly_k,
            .wire_roundoff = roundoff(wire_)};
  }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override {
    return static_cast<std::uint64_t>(bucket.size() * bytes_per_value(wire_));
  }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override { return shared_seed_encoder(sets_, agent); }
  std::unique_ptr<Aggregator> aggregator() const override { return shared_seed_aggregator(sets_); }

 private:
  std::int64_t k_;
  double omega_ = 0;
  ValueFormat wire_;
  std::shared_ptr<SharedSeedSets> sets_;
};

const Registration<Compressor, const CompressorSetup&> registration{
    "randk",
    "k random coordinates without replacement, scaled by d/k (unbiased, ω = d/k − 1); indices cost no bytes",
    {{"k", "", "coordinates kept: a count (1000) or a fraction of d (0.01)", "0.25"}, wire_parameter()},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      const auto k = resolve_k(arguments.text("k"), setup, arguments.spec().text);
      return std::make_unique<RandK>(setup, k, wire_format(arguments));
    }};

}  // namespace
}  // namespace tersegrad
