// The vector form of Accumulation::take(), once for each instruction set.
#if defined(TERSEGRAD_COMPRESS_KERNELS_ACCUMULATE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TERSEGRAD_COMPRESS_KERNELS_ACCUMULATE_INL_HPP
#undef TERSEGRAD_COMPRESS_KERNELS_ACCUMULATE_INL_HPP
#else
#define TERSEGRAD_COMPRESS_KERNELS_ACCUMULATE_INL_HPP
#endif

#include <bit>
#include <cmath>

#include "tersegrad/compress/kernels/accumulate.hpp"
#include "tersegrad/compress/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

/// How the last agent's sum becomes a mean: a power of two's reciprocal is exact, and its product the quotient.
enum class Ending { none, times, over };

inline Ending ending_of(const Accumulation& to) {
  if (to.x == nullptr) return Ending::none;
  int exponent;
  return std::frexp(to.agents, &exponent) == 0.5f ? Ending::times : Ending::over;
}

template <bool first, Ending ending>
struct Sink {
  using D = Lanes32<float>;
  const Accumulation& to;
  const float* soon = to.soon == nullptr ? to.sum : to.soon;

  /// The lanes of v are coordinates j, j + 1, …
  HWY_INLINE void operator()(std::size_t j, hn::Vec<D> v) const {
    const D d;
    if constexpr (ending == Ending::none && first) __builtin_prefetch(soon + j, 1);
    const auto sum = hn::Add(first ? hn::Zero(d) : hn::LoadU(d, to.sum + j), v);
    if constexpr (ending == Ending::none) {
      hn::StoreU(sum, d, to.sum + j);
    } else {
      const auto mean = ending == Ending::times ? hn::Mul(sum, hn::Set(d, 1 / to.agents))
                                                : hn::Div(sum, hn::Set(d, to.agents));
      hn::StoreU(hn::Sub(hn::LoadU(d, to.x + j), hn::Mul(hn::Set(d, to.step), mean)), d, to.x + j);
    }
  }
};

/// body(sink) with the sink that `to` asks for.
template <class Body>
HWY_INLINE void with_sink(const Accumulation& to, Body&& body) {
  const auto by_ending = [&](auto first) HWY_ATTR {
    switch (ending_of(to)) {
      case Ending::none:
        return body(Sink<first.value, Ending::none>{to});
      case Ending::times:
        return body(Sink<first.value, Ending::times>{to});
      case Ending::over:
        return body(Sink<first.value, Ending::over>{to});
    }
  };
  to.first ? by_ending(std::true_type()) : by_ending(std::false_type());
}

#endif

}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
