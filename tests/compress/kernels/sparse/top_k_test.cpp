#include "tersegrad/compress/kernels/sparse/top_k.hpp"

#include <algorithm>
#include <functional>

#include "compress/kernels/kernels.hpp"

namespace tersegrad::kernels {
namespace {

using namespace testing;

void expect_equals_reference(std::span<const float> x, std::int64_t k) {
  std::vector<std::uint32_t> want;
  reference::top_k(x, k, want);
  on_every_target([&] {
    std::vector<std::uint32_t> got{7, 7, 7};
    top_k(x, k, got);
    EXPECT_EQ(got, want) << k << " of " << x.size();
  });
}

/// The same of an axpby that gives x, kept or not.
void expect_axpby_equals_reference(std::span<const float> gradient, std::span<const float> memory, std::int64_t k) {
  std::vector<float> x(gradient.size());
  for (std::size_t j = 0; j < x.size(); ++j) x[j] = gradient[j] - memory[j];
  std::vector<std::uint32_t> want;
  reference::top_k(x, k, want);
  on_every_target([&] {
    for (const int kept : {0, 1, 2}) {  // nowhere, elsewhere, in the memory's place
      Guarded<float> m(memory, k % 5), other(x.size(), 3);
      const auto p = kept == 0 ? std::span<float>() : kept == 1 ? other.span() : m.span();
      std::vector<std::uint32_t> got{7, 7, 7};
      std::vector<float> values{1, 2};
      top_k(Axpby{gradient, m.span(), 1, -1}, p, k, got, values);
      EXPECT_EQ(got, want) << k << " of " << x.size();
      ASSERT_EQ(values.size(), want.size());
      for (std::size_t i = 0; i < want.size(); ++i) {
        EXPECT_TRUE(same_floats(std::span(&values[i], 1), std::span(&x[want[i]], 1))) << i;
      }
      EXPECT_TRUE(m.guards_survive() && other.guards_survive());
      if (kept > 0) {
        EXPECT_TRUE(same_floats(p, x)) << k << " of " << x.size();
      } else {
        EXPECT_TRUE(same_floats(m.span(), memory));
      }
    }
  });
}

std::vector<std::int64_t> some_k(std::size_t n) {
  const auto size = static_cast<std::int64_t>(n);
  std::vector<std::int64_t> all;
  for (const auto k : std::vector<std::int64_t>{0, 1, 2, size / 999, size / 99, size / 9, size / 2, size - 1, size}) {
    if (k >= 0 && k <= size) all.push_back(k);
  }
  return all;
}

TEST(TopK, HandValues) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x{1, -3, 0, nan, 3, -inf, -0.0f, 2};
  const std::vector<std::uint32_t> order{3, 5, 1, 4, 7, 0, 2, 6};  // of winning
  on_every_target([&] {
    for (std::int64_t k = 0; k <= 8; ++k) {
      std::vector<std::uint32_t> want(order.begin(), order.begin() + k), got;
      std::sort(want.begin(), want.end());
      top_k(x, k, got);
      EXPECT_EQ(got, want);
    }
  });
}

TEST(TopK, EqualsReferenceOnEveryTarget) {
  for (const std::size_t n : awkward_sizes()) {
    for (const unsigned special : {0u, 1u, 4u}) {
      const auto values = mixed_values(n, n + special, special);
      Guarded<float> x(std::span<const float>(values), n % 9);
      for (const auto k : some_k(n)) expect_equals_reference(x.span(), k);
    }
  }
}

TEST(TopK, OfAnAxpbyEqualsReferenceOnEveryTarget) {
  for (const std::size_t n : awkward_sizes()) {
    if (n > 300 && n % 2 == 0) continue;
    for (const unsigned special : {0u, 1u, 4u}) {
      const auto g = mixed_values(n, n + special, special), m = mixed_values(n, n + special + 1, special);
      for (const auto k : some_k(n)) expect_axpby_equals_reference(g, m, k);
    }
  }
  // A guess that is far too high: all that the sample looks at is large, nothing else is.
  const std::size_t n = 40000, places = 2048, stride = n / places;
  std::vector<float> g(n, 1.0f), m(n, 0.0f);
  for (std::size_t i = 0; i < places; ++i) {
    const std::size_t at = i * stride + (i * 0x9e3779b97f4a7c15ull >> 32) % (stride - 1);
    g[at] = g[at + 1] = 100.0f + static_cast<float>(i);
  }
  expect_axpby_equals_reference(g, m, 20000);
}

// What gradients and adversaries look like: ties without end, sorted both ways, mostly zeros, blocks of scales.
TEST(TopK, EqualsReferenceOnHardInputs) {
  using Maker = std::function<float(std::size_t, std::size_t, Sequence&)>;
  const std::vector<std::pair<const char*, Maker>> makers{
      {"all equal", [](std::size_t, std::size_t, Sequence&) { return -2.0f; }},
      {"all zero", [](std::size_t i, std::size_t, Sequence&) { return i % 2 == 0 ? 0.0f : -0.0f; }},
      {"three values", [](std::size_t, std::size_t, Sequence& r) { return static_cast<float>(r.below(3)) - 1; }},
      {"ascending", [](std::size_t i, std::size_t, Sequence&) { return static_cast<float>(i); }},
      {"descending", [](std::size_t i, std::size_t n, Sequence&) { return -static_cast<float>(n - i); }},
      {"mostly zero", [](std::size_t, std::size_t, Sequence& r) {
         return r.below(500) == 0 ? static_cast<float>(r.uniform()) : 0.0f;
       }},
      {"blocks", [](std::size_t i, std::size_t, Sequence& r) {
         return std::ldexp(static_cast<float>(r.uniform()), static_cast<int>(i / 512 % 40) - 20);
       }},
      {"all nan", [](std::size_t i, std::size_t, Sequence&) {
         return from_bits(0x7f800001u + static_cast<std::uint32_t>(i));
       }},
      {"heavy tail", [](std::size_t, std::size_t, Sequence& r) { return static_cast<float>(1 / r.uniform()); }},
      // Large exactly where a strided sample of one in 16 looks (golden-ratio steps): every guess is too high.
      {"against the sample", [](std::size_t i, std::size_t, Sequence& r) {
         const bool seen = i % 16 == (i / 16 * 0x9e3779b97f4a7c15ull >> 32) % 16;
         return seen && i < 16 * 500 ? 1.0f : static_cast<float>(r.uniform()) * 0.5f;
       }}};
  for (const std::size_t n : {1000u, 65536u, 70001u}) {
    for (const auto& [name, make] : makers) {
      SCOPED_TRACE(name);
      Sequence random({.seed = n});
      std::vector<float> x(n);
      for (std::size_t i = 0; i < n; ++i) x[i] = make(i, n, random);
      for (const auto k : some_k(n)) expect_equals_reference(x, k);
    }
  }
}

TEST(TopK, ScratchOfALargerCallDoesNotMatter) {
  const auto large = mixed_values(50000, 1, 0), small = mixed_values(300, 2, 0);
  expect_equals_reference(large, 20000);
  expect_equals_reference(small, 5);
}

}  // namespace
}  // namespace tersegrad::kernels
