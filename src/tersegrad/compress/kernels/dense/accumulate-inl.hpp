// The vector form of Accumulation::take(), once for each instruction set.
#if defined(TERSEGRAD_COMPRESS_KERNELS_ACCUMULATE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TERSEGRAD_COMPRESS_KERNELS_ACCUMULATE_INL_HPP
#undef TERSEGRAD_COMPRESS_KERNELS_ACCUMULATE_INL_HPP
#else
#define TERSEGRAD_COMPRESS_KERNELS_ACCUMULATE_INL_HPP
#endif

#include <type_traits>

#include "tersegrad/compress/kernels/dense/accumulate.hpp"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

template <bool first>
struct Sink {
  using D = Lanes32<float>;
  float* sum;

  /// The lanes of v are coordinates j, j + 1, …
  HWY_INLINE void operator()(std::size_t j, hn::Vec<D> v) const {
    const D d;
    hn::StoreU(hn::Add(first ? hn::Zero(d) : hn::LoadU(d, sum + j), v), d, sum + j);
  }
};

/// x ← fl(x − fl(step·fl(sum/N))), a vector at a time.
/// \tparam exact  N is a power of two: its reciprocal is exact, and a product the quotient
template <bool exact>
class MeanStep {
 public:
  using D = Lanes32<float>;
  MeanStep(std::size_t agents, float step)
      : count_(exact ? 1 / static_cast<float>(agents) : static_cast<float>(agents)), step_(step) {}
  HWY_INLINE void operator()(hn::Vec<D> sum, float* x) const {
    const D d;
    const auto count = hn::Set(d, count_);
    const auto mean = exact ? hn::Mul(sum, count) : hn::Div(sum, count);
    hn::StoreU(hn::Sub(hn::LoadU(d, x), hn::Mul(hn::Set(d, step_), mean)), d, x);
  }

 private:
  float count_, step_;
};

/// body(sink) with the sink that `to` asks for.
template <class Body>
HWY_INLINE void with_sink(const Accumulation& to, Body&& body) {
  to.first ? body(Sink<true>{to.sum}) : body(Sink<false>{to.sum});
}

#endif

}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
