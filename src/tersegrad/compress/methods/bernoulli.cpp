// Bernoulli sparsification: every coordinate is kept with probability p, independently, and scaled by 1/p.
//
//     C(g)_j = g_j/p with probability p, else 0;   E C(g) = g,   ω = 1/p − 1
//
// The number of kept coordinates varies; the indices are drawn alike at both ends and cost no bytes.
// A kept inf or NaN travels as it is; header.nonfinite counts all of the gradient's, and what overflows if kept.
#include <array>
#include <cmath>

#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/kernels/quantized/uniform_words.hpp"
#include "tersegrad/compress/kernels/sparse/geometric.hpp"
#include "tersegrad/compress/sparse/shared_seed_sparsifier.hpp"
#include "tersegrad/core/random/random.hpp"

namespace tersegrad {
namespace {

/// The kept coordinates of [0, total) in O(p·total): gaps between them are geometric, ⌊ln U / ln(1 − p)⌋.
void draw_kept(std::int64_t total, double p, const StreamId& id, std::vector<std::uint32_t>& indices) {
  indices.clear();
  const Stream stream(id);
  const double log_dropped = std::log1p(-p);  // −inf for p = 1: every gap is 0
  // No more at a time than are likely to be needed.
  const double expected = p * static_cast<double>(total) + 8;
  std::array<std::uint32_t, 1024> words;
  std::array<double, words.size() / 2> gaps;
  const std::size_t chunk = expected < static_cast<double>(gaps.size()) ? static_cast<std::size_t>(expected) / 2 * 2
                                                                        : gaps.size();
  double next = 0;
  for (std::uint64_t block = 0;; block += chunk / 2) {
    kernels::fill_words(stream, block, std::span(words).first(2 * chunk));
    kernels::geometric_gaps(std::span(words).first(2 * chunk), log_dropped, std::span(gaps).first(chunk));
    for (std::size_t i = 0; i < chunk; ++i) {
      next += gaps[i];
      if (next >= static_cast<double>(total)) return;
      indices.push_back(static_cast<std::uint32_t>(next));
      next += 1;
    }
  }
}

class Bernoulli final : public Compressor {
 public:
  Bernoulli(const CompressorSetup& setup, double p, ValueFormat wire) : p_(p), wire_(wire) {
    sets_ = std::make_shared<SharedSeedSets>(SharedSeedSetup{
        setup.agents, 1 / p, wire,
        [total = setup.layout.total(), p, seed = setup.seed](std::uint32_t agent, std::uint64_t step, auto& indices) {
          draw_kept(total, p, {seed, Purpose::sparsify, agent, step}, indices);
        }});
  }
  std::string name() const override { return concat("bernoulli:", shortest(p_), wire_suffix(wire_)); }
  Traits traits() const override {
    return {.kind = Traits::Kind::unbiased, .constant = 1 / p_ - 1, .wire_roundoff = roundoff(wire_)};
  }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override {
    return static_cast<std::uint64_t>(bucket.size() * bytes_per_value(wire_));
  }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override { return shared_seed_encoder(sets_, agent); }
  std::unique_ptr<Aggregator> aggregator() const override { return shared_seed_aggregator(sets_); }

 private:
  double p_;
  ValueFormat wire_;
  std::shared_ptr<SharedSeedSets> sets_;
};

const Registration<Compressor, const CompressorSetup&> registration{
    "bernoulli",
    "each coordinate with probability P, scaled by 1/P (unbiased, ω = 1/P − 1); indices cost no bytes",
    {{"p", "", "probability that a coordinate is kept, from 1e-9 to 1", "0.25"}, wire_parameter()},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      TERSEGRAD_CHECK(setup.layout.total() <= 0xffffffffll, "sparse compression of ", setup.layout.total(),
                      " coordinates (index sets hold at most 2^32 - 1)");
      return std::make_unique<Bernoulli>(setup, arguments.real("p", 1e-9, 1), wire_format(arguments));
    }};

}  // namespace
}  // namespace tersegrad
