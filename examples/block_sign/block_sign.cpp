// Block sign: one bit a coordinate and one scale for every 128 of them, (‖b‖₁/n)·sign(b) for a block b of n coordinates.
//
//     ‖C(b) − b‖² = ‖b‖² − ‖b‖₁²/n ≤ (1 − 1/n)·‖b‖²     (contractive, δ = 1/n; ‖b‖₁ ≥ ‖b‖)
//
// A zero gets the sign +: whatever it gets, the error is the same.
#include <cmath>

#include "tersegrad/compress/coordinatewise.hpp"

namespace {

using namespace tersegrad;

class BlockSign final : public CoordinatewiseMethod {
 public:
  std::string name() const override { return "block-sign"; }
  Wire wire() const override { return {.block = 128, .symbols = 2, .scales = 1}; }
  Traits traits(std::int64_t block) const override { return {Traits::Kind::contractive, 1.0 / static_cast<double>(block)}; }

  void encode(std::span<const float> values, const BlockDraws&, std::span<float> scales, std::span<std::uint32_t> symbols) const override {
    double sum = 0;
    for (const float value : values) sum += std::abs(static_cast<double>(value));
    scales[0] = static_cast<float>(sum / static_cast<double>(values.size()));
    for (std::size_t j = 0; j < values.size(); ++j) symbols[j] = values[j] < 0 ? 0 : 1;
  }
  void decode(std::span<const std::uint32_t> symbols, std::span<const float> scales, std::span<float> values) const override {
    for (std::size_t j = 0; j < symbols.size(); ++j) values[j] = symbols[j] == 1 ? scales[0] : -scales[0];
  }
};

const Registration<Compressor, const CompressorSetup&> registration{
    "block-sign", "one bit a coordinate and the mean magnitude of every 128 (contractive, δ = 1/128); made for ef:", {},
    [](const Arguments&, const CompressorSetup& setup) { return make_coordinatewise(std::make_unique<BlockSign>(), setup); }};

}  // namespace
