#include "tersegrad/compress/kernels/accumulate.hpp"

#include <bit>
#include <cassert>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/accumulate.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/compress/kernels/accumulate-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

std::size_t end_sums(const Accumulation&, std::size_t) { return 0; }
std::size_t quotients(std::span<float>, float, bool) { return 0; }
std::size_t descent(std::span<float>, std::span<const float>, float) { return 0; }

#else

using D = Lanes32<float>;

/// Whole vectors. \returns how many coordinates they are
std::size_t end_sums(const Accumulation& to, std::size_t n) {
  const D d;
  const std::size_t lanes = hn::Lanes(d), whole = n / lanes * lanes;
  // The sum is read as the first agent's value: 0 + sum is the sum, but that −0 becomes 0, as it did when it was made.
  Accumulation last = to;
  last.first = true;
  with_sink(last, [&](auto sink) HWY_ATTR {
    for (std::size_t j = 0; j < whole; j += lanes) sink(j, hn::LoadU(d, to.sum + j));
  });
  return whole;
}

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

std::size_t descent(std::span<float> x, std::span<const float> mean, float step) {
  const D d;
  const std::size_t lanes = hn::Lanes(d), whole = x.size() / lanes * lanes;
  const auto eta = hn::Set(d, step);
  for (std::size_t j = 0; j < whole; j += lanes) {
    const auto move = hn::Mul(eta, hn::LoadU(d, mean.data() + j));
    hn::StoreU(hn::Sub(hn::LoadU(d, x.data() + j), move), d, x.data() + j);
  }
  return whole;
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(end_sums);
HWY_EXPORT(quotients);
HWY_EXPORT(descent);

void finish(const Accumulation& to, std::size_t n) {
  if (to.x == nullptr) return;
  for (std::size_t j = HWY_DYNAMIC_DISPATCH(end_sums)(to, n); j < n; ++j) {
    to.x[j] = to.x[j] - to.step * (to.sum[j] / to.agents);
  }
}

void divide(std::span<float> sum, std::size_t agents) {
  assert(agents >= 1);
  if (agents == 1) return;
  const auto count = static_cast<float>(agents);
  for (std::size_t j = HWY_DYNAMIC_DISPATCH(quotients)(sum, count, std::has_single_bit(agents)); j < sum.size(); ++j) {
    sum[j] /= count;
  }
}

void descend(std::span<float> x, std::span<const float> mean, float step) {
  assert(mean.size() == x.size());
  for (std::size_t j = HWY_DYNAMIC_DISPATCH(descent)(x, mean, step); j < x.size(); ++j) {
    x[j] = x[j] - step * mean[j];
  }
}

}  // namespace tersegrad::kernels
#endif
