#include "tersegrad/compress/kernels/sign/scaled_signs.hpp"

#include <deque>

#include "compress/kernels/kernels.hpp"
#include "tersegrad/compress/kernels/sign/sign_pack.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad::kernels {
namespace {

using namespace testing;

/// Some agents' packed signs, every third without a zero mask, at awkward addresses.
struct Agents {
  Agents(std::size_t count, std::size_t n, float first_scale) {
    for (std::size_t a = 0; a < count; ++a) {
      const auto x = mixed_values(n, 50 * a + n, a % 3 == 0 ? 0 : 4);
      signs.emplace_back((n + 7) / 8, a);
      zeros.emplace_back((n + 7) / 8, a + 1);
      const SignCounts counts = pack_signs(x, signs.back().span(), zeros.back().span());
      const bool any = counts.zeros + counts.nan > 0;
      messages.push_back({signs.back().span().data(), any ? zeros.back().span().data() : nullptr,
                          a == 0 ? first_scale : 0.7f / static_cast<float>(a + 1)});
    }
  }
  std::deque<Guarded<std::byte>> signs, zeros;
  std::vector<ScaledSigns> messages;
};

TEST(ApplyScaledSigns, HandValues) {
  // Signs +, −, 0 of one agent with scale 4 and +, +, + of another with 2: means 3, −1, 1.
  const std::byte signs{0b001}, zeros{0b100}, others{0b111};
  const std::vector<ScaledSigns> agents{{&signs, &zeros, 4.0f}, {&others, nullptr, 2.0f}};
  on_every_target([&] {
    std::vector<float> x{10, 10, 10};
    apply_scaled_signs(agents, x, 0.5f);
    EXPECT_EQ(x, (std::vector<float>{8.5f, 10.5f, 9.5f}));
  });
}

TEST(ApplyScaledSigns, EqualsReferenceOnEveryTarget) {
  for (const std::size_t count : {1u, 2u, 3u, 8u}) {
    for (const std::size_t n : awkward_sizes()) {
      if (n == 0) continue;
      for (const float scale : {0.25f, 1e-45f, -0.0f, std::numeric_limits<float>::infinity()}) {
        const Agents agents(count, n, scale);
        const auto x = mixed_values(n, 7 * n, 3);
        for (const float step : {0.001f, -0.37f, 1e-44f}) {
          SCOPED_TRACE(concat(count, " agents, n ", n, ", scale ", scale, ", step ", step));
          auto want = x;
          reference::apply_scaled_signs(agents.messages, want, step);
          on_every_target([&] {
            Guarded<float> out(std::span<const float>(x), n % 7);
            apply_scaled_signs(agents.messages, out.span(), step);
            EXPECT_TRUE(same_floats(out.span(), want));
            EXPECT_TRUE(out.guards_survive());
          });
        }
      }
    }
  }
}

}  // namespace
}  // namespace tersegrad::kernels
