#include "tersegrad/compress/index_sets.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tersegrad/compress/kernels/rand_k.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/random.hpp"
#include "tersegrad/core/spec.hpp"

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
  // Many small problems: Floyd's sampling in each (k distinct of dim, exactly uniform), from a stretch of 2^20
  // blocks of the stream that no other replica touches.
  indices.clear();
  indices.reserve(static_cast<std::size_t>(k * layout.replicas));
  for (std::int64_t r = 0; r < layout.replicas; ++r) {
    Sequence random(id, static_cast<std::uint64_t>(r) << 20);
    const auto first = static_cast<std::ptrdiff_t>(indices.size());
    const std::int64_t base = r * layout.dim;
    for (std::int64_t j = layout.dim - k; j < layout.dim; ++j) {
      const auto t = static_cast<std::uint32_t>(base + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(j + 1))));
      const bool taken = std::find(indices.begin() + first, indices.end(), t) != indices.end();
      indices.push_back(taken ? static_cast<std::uint32_t>(base + j) : t);
    }
    std::sort(indices.begin() + first, indices.end());
  }
}

std::span<const std::uint32_t> indices_in(std::span<const std::uint32_t> indices, const Bucket& bucket) {
  const auto begin = std::lower_bound(indices.begin(), indices.end(), bucket.begin);
  const auto end = std::lower_bound(begin, indices.end(), bucket.end);
  return {begin, end};
}

std::int64_t resolve_k(const std::string& text, std::int64_t dim, const std::string& spec) {
  std::int64_t count = 0;
  double fraction = 0;
  if (text.find_first_of(".-") == std::string::npos && parse_integer(text, count)) {
    TERSEGRAD_CHECK(count >= 1 && count <= dim, "'", spec, "' keeps ", count, " coordinates (must be from 1 to d = ", dim, ")");
    return count;
  }
  TERSEGRAD_CHECK(parse_real(text, fraction) && fraction > 0 && fraction <= 1, "'", spec, "' keeps '", text,
                  "' (must be a count from 1 to d = ", dim, ", such as 1000, or a fraction above 0 and up to 1.0, such as 0.01)");
  return std::max<std::int64_t>(1, std::llround(fraction * static_cast<double>(dim)));
}

}  // namespace tersegrad
