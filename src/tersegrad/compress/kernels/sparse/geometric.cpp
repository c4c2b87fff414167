#include "tersegrad/compress/kernels/sparse/geometric.hpp"

#include <cassert>
#include <cmath>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/sparse/geometric.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/core/kernels/simd-inl.hpp"
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

std::size_t whole_vectors(std::span<const std::uint32_t>, double, std::span<double>) { return 0; }

#else

/// \returns how many gaps were found: whole vectors only
std::size_t whole_vectors(std::span<const std::uint32_t> words, double log_dropped, std::span<double> gaps) {
  const hn::CappedTag<double, 8> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const hn::RebindToSigned<decltype(d)> di;
  const std::size_t lanes = hn::Lanes(d);
  const auto inverse = hn::Set(d, 1 / log_dropped), one = hn::Set(d, 1.0);
  std::size_t i = 0;
  for (; i + lanes <= gaps.size(); i += lanes) {
    const auto n = hn::ShiftRight<11>(hn::LoadU(du, reinterpret_cast<const std::uint64_t*>(words.data() + 2 * i)));
    const auto u = hn::Mul(hn::Add(hn::ConvertTo(d, hn::BitCast(di, n)), hn::Set(d, 0.5)), hn::Set(d, 0x1p-53));
    const auto quotient = hn::Mul(hn::Log(d, u), inverse);
    hn::StoreU(hn::Floor(quotient), d, gaps.data() + i);
    const auto distance = hn::Abs(hn::Sub(quotient, hn::Round(quotient)));
    const auto certain = hn::Gt(distance, hn::Mul(hn::Add(quotient, one), hn::Set(d, 1e-12)));
    if (HWY_UNLIKELY(!hn::AllTrue(d, certain))) {
      reference::geometric_gaps(words.subspan(2 * i, 2 * lanes), log_dropped, gaps.subspan(i, lanes));
    }
  }
  return i;
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(whole_vectors);

void geometric_gaps(std::span<const std::uint32_t> words, double log_dropped, std::span<double> gaps) {
  assert(words.size() == 2 * gaps.size() && log_dropped < 0);
  const std::size_t done = HWY_DYNAMIC_DISPATCH(whole_vectors)(words, log_dropped, gaps);
  reference::geometric_gaps(words.subspan(2 * done), log_dropped, gaps.subspan(done));
}

namespace reference {

void geometric_gaps(std::span<const std::uint32_t> words, double log_dropped, std::span<double> gaps) {
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    const std::uint64_t word = std::uint64_t{words[2 * i + 1]} << 32 | words[2 * i];
    const double u = (static_cast<double>(word >> 11) + 0.5) * 0x1p-53;
    gaps[i] = std::floor(std::log(u) / log_dropped);
  }
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
