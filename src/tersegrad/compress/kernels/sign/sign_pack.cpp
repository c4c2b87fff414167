#include "tersegrad/compress/kernels/sign/sign_pack.hpp"

#include <cassert>

#include "tersegrad/compress/kernels/sign/sign_source.hpp"
#include "tersegrad/core/kernels/prefetch.hpp"

#ifndef TERSEGRAD_COMPRESS_KERNELS_SIGN_PACK_ONCE  // this file is read once for each instruction set
#define TERSEGRAD_COMPRESS_KERNELS_SIGN_PACK_ONCE
namespace tersegrad::kernels {
namespace {

/// Numbers that lie there.
template <bool measured>
struct Given {
  static constexpr bool measures = measured;
  const float* x;
  float next(std::size_t j) const { return x[j]; }
  float again(std::size_t j) const { return x[j]; }
};

}  // namespace
}  // namespace tersegrad::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/sign/sign_pack.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/compress/kernels/sign/sign_pack-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE  // the sums are kept in an array

template <bool measured>
SignTotals pack_given(std::span<const float> x, Plane signs, Plane zeros) {
  return pack_plainly(Given<measured>{x.data()}, x.size(), signs, zeros);
}

#else

class Loader {
 public:
  template <bool measured>
  explicit Loader(const Given<measured>& source) : x_(source.x) {}
  HWY_INLINE void open_word(std::size_t j) { prefetch_ahead(x_ + j); }
  HWY_INLINE hn::Vec<Lanes32<float>> next(std::size_t j, std::size_t) const {
    return hn::LoadU(Lanes32<float>(), x_ + j);
  }

 private:
  const float* x_;
};

template <bool measured>
SignTotals pack_given(std::span<const float> x, Plane signs, Plane zeros) {
  return pack_from<Loader>(Given<measured>{x.data()}, x.size(), signs, zeros);
}

#endif

SignTotals pack(std::span<const float> x, Plane signs, Plane zeros) { return pack_given<false>(x, signs, zeros); }
SignTotals pack_measured(std::span<const float> x, Plane signs, Plane zeros) {
  return pack_given<true>(x, signs, zeros);
}

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(pack);
HWY_EXPORT(pack_measured);

SignCounts pack_signs(std::span<const float> x, Plane sign_plane, Plane zero_plane) {
  assert(sign_plane.size() == (x.size() + 7) / 8 && zero_plane.size() == sign_plane.size());
  return HWY_DYNAMIC_DISPATCH(pack)(x, sign_plane, zero_plane).counts;
}

SignTotals pack_signs_measured(std::span<const float> x, Plane sign_plane, Plane zero_plane) {
  assert(sign_plane.size() == (x.size() + 7) / 8 && zero_plane.size() == sign_plane.size());
  return HWY_DYNAMIC_DISPATCH(pack_measured)(x, sign_plane, zero_plane);
}

namespace reference {

SignCounts pack_signs(std::span<const float> x, Plane sign_plane, Plane zero_plane) {
  return pack_plainly(Given<false>{x.data()}, x.size(), sign_plane, zero_plane).counts;
}

SignTotals pack_signs_measured(std::span<const float> x, Plane sign_plane, Plane zero_plane) {
  return pack_plainly(Given<true>{x.data()}, x.size(), sign_plane, zero_plane);
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
