// Axpby::at() of whole vectors, once for each instruction set.
#if defined(TERSEGRAD_COMPRESS_KERNELS_BLEND_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TERSEGRAD_COMPRESS_KERNELS_BLEND_INL_HPP
#undef TERSEGRAD_COMPRESS_KERNELS_BLEND_INL_HPP
#else
#define TERSEGRAD_COMPRESS_KERNELS_BLEND_INL_HPP
#endif

#include "tersegrad/compress/kernels/dense/axpby.hpp"
#include "tersegrad/core/kernels/prefetch.hpp"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

/// p of lanes j, j + 1, … of an axpby that has a memory.
class AxpbyLoader {
 public:
  using D = Lanes32<float>;
  explicit AxpbyLoader(const Axpby& from)
      : gradient_(from.gradient.data()), memory_(from.memory.data()), a_(from.a), b_(from.b) {}
  HWY_INLINE hn::Vec<D> operator()(std::size_t j) const {
    const D d;
    return hn::Add(hn::Mul(hn::Set(d, b_), hn::LoadU(d, memory_ + j)),
                   hn::Mul(hn::Set(d, a_), hn::LoadU(d, gradient_ + j)));
  }
  /// prefetch_ahead() what coordinates [j, j + n) are made of.
  HWY_INLINE void prefetch(std::size_t j, std::size_t n = 64) const {
    prefetch_ahead(gradient_ + j, n);
    prefetch_ahead(memory_ + j, n);
  }

 private:
  const float* gradient_;
  const float* memory_;
  float a_, b_;
};

#endif

}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
