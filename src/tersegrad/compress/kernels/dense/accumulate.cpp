#include "tersegrad/compress/kernels/dense/accumulate.hpp"

#include <bit>
#include <cassert>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/dense/accumulate.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

std::size_t quotients(std::span<float>, float, bool) { return 0; }

#else

using D = Lanes32<float>;

/// Whole vectors. \param exact  the reciprocal is, and a product the quotient \returns how many coordinates they are
std::size_t quotients(std::span<float> sum, float agents, bool exact) {
  const D d;
  const std::size_t lanes = hn::Lanes(d), whole = sum.size() / lanes * lanes;
  const auto count = hn::Set(d, agents), inverse = hn::Set(d, 1 / agents);
  for (std::size_t j = 0; j < whole; j += lanes) {
    const auto v = hn::LoadU(d, sum.data() + j);
    hn::StoreU(exact ? hn::Mul(v, inverse) : hn::Div(v, count), d, sum.data() + j);
  }
  return whole;
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(quotients);

void divide(std::span<float> sum, std::size_t agents) {
  assert(agents >= 1);
  if (agents == 1) return;
  const auto count = static_cast<float>(agents);
  for (std::size_t j = HWY_DYNAMIC_DISPATCH(quotients)(sum, count, std::has_single_bit(agents)); j < sum.size(); ++j) {
    sum[j] /= count;
  }
}

}  // namespace tersegrad::kernels
#endif
