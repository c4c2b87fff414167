#include "tersegrad/compress/kernels/dense/axpby.hpp"

#include <cassert>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/dense/axpby.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/compress/kernels/dense/axpby-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

std::size_t whole_axpby(const Axpby&, std::span<float>, std::int64_t&) { return 0; }

#else

/// \returns how many coordinates were done
std::size_t whole_axpby(const Axpby& from, std::span<float> out, std::int64_t& nonfinite) {
  const Lanes32<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  constexpr std::size_t run = std::size_t{1} << 20;  // coordinates whose count fits a lane of 32 bits
  const std::size_t lanes = hn::Lanes(d), whole = from.size() / lanes * lanes;
  const AxpbyLoader p(from);
  for (std::size_t begin = 0; begin < whole; begin += run) {
    auto counts = hn::Zero(di);  // −1 for each
    for (std::size_t j = begin, end = begin + run < whole ? begin + run : whole; j < end; j += lanes) {
      p.prefetch(j, lanes);
      const auto v = p(j);
      const auto magnitude = hn::And(hn::BitCast(di, v), hn::Set(di, 0x7fffffff));
      counts = hn::Add(counts, hn::VecFromMask(di, hn::Gt(magnitude, hn::Set(di, 0x7f7fffff))));
      hn::StoreU(v, d, out.data() + j);
    }
    nonfinite -= hn::GetLane(hn::SumOfLanes(di, counts));
  }
  return whole;
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(whole_axpby);

std::int64_t axpby(const Axpby& from, std::span<float> out) {
  assert(from.memory.size() == from.size() && out.size() == from.size());
  std::int64_t nonfinite = 0;
  for (std::size_t j = HWY_DYNAMIC_DISPATCH(whole_axpby)(from, out, nonfinite); j < out.size(); ++j) {
    out[j] = from.at(j);
    nonfinite += !std::isfinite(out[j]);
  }
  return nonfinite;
}

}  // namespace tersegrad::kernels
#endif
