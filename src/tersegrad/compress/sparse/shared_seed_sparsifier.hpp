// Sparsifiers whose index sets are drawn, not chosen: both ends draw them alike, so only the values travel.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/compress/wire/values.hpp"

namespace tersegrad {

/// C(g)_j = scale·g_j on the drawn coordinates, 0 elsewhere.
struct SharedSeedSetup {
  std::uint32_t agents = 1;
  double scale = 1;
  ValueFormat wire = ValueFormat::fp32;
  /// The ascending set of an agent at a step, indices into the whole vector: a pure function of its arguments.
  std::function<void(std::uint32_t agent, std::uint64_t step, std::vector<std::uint32_t>& indices)> draw;
};

/// The agents' sets, each of the step that was asked for last, so that what encodes and what decodes in one process do
/// not draw the same one twice. For any number of threads.
class SharedSeedSets {
 public:
  using Indices = std::shared_ptr<const std::vector<std::uint32_t>>;

  explicit SharedSeedSets(const SharedSeedSetup& setup) : setup_(setup), sets_(setup.agents) {}
  const SharedSeedSetup& setup() const { return setup_; }
  Indices of(std::uint32_t agent, std::uint64_t step);

 private:
  struct Set {
    std::mutex mutex;
    std::optional<std::uint64_t> step;
    Indices indices;
  };
  SharedSeedSetup setup_;
  std::vector<Set> sets_;
};

/// Sends the unscaled values. A non-finite coordinate counts whether or not it was drawn; it travels if it was. A drawn
/// one counts too if it would come back as inf: beyond the wire's range, or beyond float32 once scaled.
std::unique_ptr<Encoder> shared_seed_encoder(std::shared_ptr<SharedSeedSets> sets, std::uint32_t agent);

/// The aggregate holds the values of the union of the agents' sets in ascending order. Every rank can redraw the
/// sets, so the union's indices cost no bytes either, and it is never larger than the dense vector. They are scaled,
/// but in fp16, whose range would not hold them: there decode() scales.
std::unique_ptr<Aggregator> shared_seed_aggregator(std::shared_ptr<SharedSeedSets> sets);

}  // namespace tersegrad
