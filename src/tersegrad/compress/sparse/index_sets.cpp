#include "tersegrad/compress/sparse/index_sets.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tersegrad/compress/kernels/sparse/rand_k.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/random/random.hpp"
#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {

void draw_indices(const Layout& layout, std::int64_t k, std::uint64_t seed, std::uint32_t agent, std::uint64_t step,
                  std::vector<std::uint32_t>& indices) {
  TERSEGRAD_CHECK(layout.total() <= std::numeric_limits<std::uint32_t>::max(), "sparse compression of ", layout.total(),
                  " coordinates (index sets hold at most 2^32 - 1)");
  const StreamId id{seed, Purpose::sparsify, agent, step};
  if (layout.replicas == 1) {
    kernels::draw_subset(Stream(id), layout.dim, k, indices);
    return;
  }
  kernels::draw_subsets(Stream(id), layout.dim, k, layout.replicas, indices);
}

std::span<const std::uint32_t> indices_in(std::span<const std::uint32_t> indices, const Bucket& bucket) {
  const auto begin = std::lower_bound(indices.begin(), indices.end(), bucket.begin);
  const auto end = std::lower_bound(begin, indices.end(), bucket.end);
  return {begin, end};
}

std::int64_t resolve_k(const std::string& text, const CompressorSetup& setup, const std::string& spec) {
  const std::int64_t dim = setup.layout.dim, all = setup.stretch_of > 0 ? setup.stretch_of : dim;
  std::int64_t count = 0;
  double fraction = 0;
  if (text.find_first_of(".-") == std::string::npos && parse_integer(text, count)) {
    TERSEGRAD_CHECK(count >= 1 && count <= all, "'", spec, "' keeps ", count,
                    " coordinates (must be from 1 to d = ", all, ")");
    if (all == dim) return count;
    fraction = static_cast<double>(count) / static_cast<double>(all);
    return std::max<std::int64_t>(1, std::llround(fraction * static_cast<double>(dim)));
  }
  TERSEGRAD_CHECK(parse_real(text, fraction) && fraction > 0 && fraction <= 1, "'", spec, "' keeps '", text,
                  "' (must be a count from 1 to d = ", all,
                  ", such as 1000, or a fraction above 0 and up to 1.0, such as 0.01)");
  return std::max<std::int64_t>(1, std::llround(fraction * static_cast<double>(dim)));
}

}  // namespace tersegrad
