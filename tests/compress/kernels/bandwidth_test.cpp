#include "tersegrad/compress/kernels/bandwidth.hpp"

#include "compress/kernels/kernels.hpp"

namespace tersegrad::kernels {
namespace {

using namespace testing;

// A yardstick that skips part of the vector would flatter the machine.
TEST(Bandwidth, TouchesEveryElementOnce) {
  for (const std::size_t n : awkward_sizes()) {
    const auto x_values = mixed_values(n, n, 3), y_values = mixed_values(n, n + 1, 3);
    Guarded<float> x(std::span<const float>(x_values), n % 3);
    std::uint32_t sum = 0;
    std::vector<float> axpy_want = y_values;
    for (std::size_t i = 0; i < n; ++i) {
      sum += std::bit_cast<std::uint32_t>(x_values[i]);
      const float product = 0.3f * x_values[i];
      axpy_want[i] += product;
    }
    on_every_target([&] {
      EXPECT_EQ(read_sum(x.span()), sum);
      Guarded<float> y(std::span<const float>(y_values), n % 5), out(n, n % 7);
      axpy(0.3f, x.span(), y.span());
      EXPECT_TRUE(same_floats(y.span(), axpy_want));
      copy(x.span(), out.span());
      EXPECT_TRUE(same_bytes<float>(out.span(), x_values));
      EXPECT_TRUE(y.guards_survive() && out.guards_survive());
    });
  }
}

}  // namespace
}  // namespace tersegrad::kernels
