// Sparsifiers whose index sets depend on the gradient: values and indices travel. Top-k and its normalised form.
#pragma once

#include <cstdint>
#include <memory>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/compress/wire/values.hpp"

namespace tersegrad {

/// The k largest magnitudes of each replica; of equal ones the lower index. NaN counts as larger than inf, so a
/// gradient that is not a number is sent, not hidden.
///
/// Uplink: the values of the bucket's kept coordinates, then their indices within the bucket in ⌈log2 n⌉ bits or as a
/// bitmap (n the bucket's coordinates), whichever is smaller; every value (flag_dense) where that is smaller still.
/// Aggregate: the same for the union of the agents' sets. Both are lossless but for the wire's rounding, so the choice
/// between them does not change a bit of the mean.
struct GreedySetup {
  CompressorSetup common;
  std::int64_t k = 1;       ///< kept in each replica
  bool normalized = false;  ///< values are divided by the replica's Euclidean norm
  ValueFormat wire = ValueFormat::fp32;
};

/// Everything of a Compressor but its name and traits.
class GreedySparsifier : public Compressor {
 public:
  explicit GreedySparsifier(const GreedySetup& setup) : setup_(setup) {}
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override {
    return static_cast<std::uint64_t>(bucket.size() * bytes_per_value(setup_.wire));
  }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override;
  std::unique_ptr<Aggregator> aggregator() const override;

 protected:
  const GreedySetup& setup() const { return setup_; }

 private:
  GreedySetup setup_;
};

}  // namespace tersegrad
