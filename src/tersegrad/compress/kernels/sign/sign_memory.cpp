#include "tersegrad/compress/kernels/sign/sign_memory.hpp"

#include <cassert>
#include <cmath>

#include "tersegrad/compress/kernels/sign/sign_source.hpp"

#ifndef TERSEGRAD_COMPRESS_KERNELS_SIGN_MEMORY_ONCE  // this file is read once for each instruction set
#define TERSEGRAD_COMPRESS_KERNELS_SIGN_MEMORY_ONCE
namespace tersegrad::kernels {
namespace {

inline int sign_at(std::span<const std::byte> sign_plane, std::span<const std::byte> zero_plane, std::size_t j) {
  const auto bit = [&](std::span<const std::byte> plane) { return std::to_integer<int>(plane[j / 8] >> (j % 8)) & 1; };
  return bit(zero_plane) != 0 ? 0 : 2 * bit(sign_plane) - 1;
}

// Sources (sign_source.hpp).

struct AxpbySource {
  static constexpr bool measures = false;
  Axpby from;
  float* out;
  float next(std::size_t j) const { return out[j] = from.at(j); }
  float again(std::size_t j) const { return out[j]; }
};

struct Residual {
  static constexpr bool measures = true;
  const float* g;
  const float* memory;
  float scale;
  float* out;
  static float residual(float p, float scale) { return p > 0 ? p - scale : p < 0 ? p + scale : p; }
  float next(std::size_t j) const { return out[j] = g[j] + residual(memory[j], scale); }
  float again(std::size_t j) const { return out[j]; }
};

struct Estimate {
  static constexpr bool measures = true;
  const float* g;
  float scale;
  float* h;
  std::span<const std::byte> signs, zeros;
  static float moved(float h, float scale, int sign) {
    const float to = h + scale * static_cast<float>(sign);
    return sign != 0 && std::isfinite(to) ? to : h;
  }
  float next(std::size_t j) const {
    if (scale != 0) h[j] = moved(h[j], scale, sign_at(signs, zeros, j));
    return again(j);
  }
  float again(std::size_t j) const { return g[j] - h[j]; }
};

}  // namespace
}  // namespace tersegrad::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/sign/sign_memory.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/compress/kernels/dense/axpby-inl.hpp"
#include "tersegrad/compress/kernels/sign/sign_pack-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE  // the sums are kept in an array

SignTotals pack_axpby(const AxpbySource& source, std::size_t n, Plane signs, Plane zeros) {
  return pack_plainly(source, n, signs, zeros);
}
SignTotals pack_residual(const Residual& source, std::size_t n, Plane signs, Plane zeros) {
  return pack_plainly(source, n, signs, zeros);
}
SignTotals pack_estimate(const Estimate& source, std::size_t n, Plane signs, Plane zeros) {
  return pack_plainly(source, n, signs, zeros);
}

#else

using D = Lanes32<float>;
using DI = hn::RebindToSigned<D>;
using V = hn::Vec<D>;

HWY_INLINE V sign_bit() { return hn::BitCast(D(), hn::Set(DI(), static_cast<std::int32_t>(0x80000000u))); }

/// scale with the sign of v.
HWY_INLINE V signed_as(V scale, V v) { return hn::Or(hn::And(v, sign_bit()), scale); }

class Loader {
 public:
  explicit Loader(const AxpbySource& source) : load_(source.from), out_(source.out) {}
  HWY_INLINE void open_word(std::size_t j) { load_.prefetch(j); }
  HWY_INLINE V next(std::size_t j, std::size_t) const {
    const V p = load_(j);
    hn::StoreU(p, D(), out_ + j);
    return p;
  }

 private:
  AxpbyLoader load_;
  float* out_;
};

class ResidualLoader {
 public:
  explicit ResidualLoader(const Residual& source) : source_(source) {}
  HWY_INLINE void open_word(std::size_t j) {
    prefetch_ahead(source_.g + j);
    prefetch_ahead(source_.memory + j);
  }
  HWY_INLINE V next(std::size_t j, std::size_t) const {
    const D d;
    const V before = hn::LoadU(d, source_.memory + j);
    const V less = hn::Sub(before, signed_as(hn::Set(d, source_.scale), before));
    const V e = hn::IfThenElse(hn::Eq(before, hn::Zero(d)), before, less);
    const V p = hn::Add(hn::LoadU(d, source_.g + j), e);
    hn::StoreU(p, d, source_.out + j);
    return p;
  }

 private:
  const Residual source_;  // a copy: nothing that is stored can be it
};

class EstimateLoader {
 public:
  explicit EstimateLoader(const Estimate& source) : source_(source) {}
  HWY_INLINE void open_word(std::size_t j) {
    prefetch_ahead(source_.g + j);
    prefetch_ahead(source_.h + j);
    signs_ = load_word(source_.signs.data() + j / 8);
    zeros_ = source_.scale == 0 ? ~std::uint64_t{0} : load_word(source_.zeros.data() + j / 8);
  }
  HWY_INLINE V next(std::size_t j, std::size_t i) const {
    const D d;
    const V before = hn::LoadU(d, source_.h + j), scale = hn::Set(d, source_.scale);
    const V step = hn::IfThenElse(mask_of(d, signs_ >> i), scale, hn::Neg(scale));
    const V to = hn::Add(before, step);
    const auto finite = hn::Lt(hn::And(hn::BitCast(DI(), to), hn::Set(DI(), 0x7fffffff)), hn::Set(DI(), 0x7f800000));
    // A zero sign, an infinite sum or a scale of 0: h stays.
    const auto moves = hn::AndNot(mask_of(d, zeros_ >> i), hn::RebindMask(d, finite));
    const V h = hn::IfThenElse(moves, to, before);
    hn::StoreU(h, d, source_.h + j);
    return hn::Sub(hn::LoadU(d, source_.g + j), h);
  }

 private:
  const Estimate source_;
  std::uint64_t signs_ = 0, zeros_ = 0;
};

SignTotals pack_axpby(const AxpbySource& source, std::size_t n, Plane signs, Plane zeros) {
  return pack_from<Loader>(source, n, signs, zeros);
}

SignTotals pack_residual(const Residual& source, std::size_t n, Plane signs, Plane zeros) {
  return pack_from<ResidualLoader>(source, n, signs, zeros);
}

SignTotals pack_estimate(const Estimate& source, std::size_t n, Plane signs, Plane zeros) {
  return pack_from<EstimateLoader>(source, n, signs, zeros);
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(pack_axpby);
HWY_EXPORT(pack_residual);
HWY_EXPORT(pack_estimate);

namespace {

[[maybe_unused]] bool fit(std::size_t n, Plane signs, Plane zeros) {
  return signs.size() == (n + 7) / 8 && zeros.size() == signs.size();
}

}  // namespace

SignCounts pack_signs_axpby(const Axpby& from, std::span<float> out, Plane signs, Plane zeros) {
  assert(fit(from.size(), signs, zeros) && out.size() == from.size() && from.memory.size() == from.size());
  return HWY_DYNAMIC_DISPATCH(pack_axpby)(AxpbySource{from, out.data()}, from.size(), signs, zeros).counts;
}

SignTotals pack_signs_residual(std::span<const float> g, std::span<const float> memory, float scale,
                               std::span<float> out, Plane signs, Plane zeros) {
  assert(fit(g.size(), signs, zeros) && memory.size() == g.size() && out.size() == g.size() && std::isfinite(scale));
  return HWY_DYNAMIC_DISPATCH(pack_residual)(Residual{g.data(), memory.data(), scale, out.data()}, g.size(), signs,
                                             zeros);
}

SignTotals pack_signs_estimate(std::span<const float> g, float scale, std::span<float> estimate, Plane signs,
                               Plane zeros) {
  assert(fit(g.size(), signs, zeros) && estimate.size() == g.size() && std::isfinite(scale));
  return HWY_DYNAMIC_DISPATCH(pack_estimate)(Estimate{g.data(), scale, estimate.data(), signs, zeros}, g.size(), signs,
                                             zeros);
}

void take_residual(std::span<float> memory, float scale) {
  if (scale == 0) return;
  for (float& p : memory) p = Residual::residual(p, scale);
}

void add_signs(std::span<float> estimate, float scale, std::span<const std::byte> signs,
               std::span<const std::byte> zeros) {
  if (scale == 0) return;
  for (std::size_t j = 0; j < estimate.size(); ++j) {
    estimate[j] = Estimate::moved(estimate[j], scale, sign_at(signs, zeros, j));
  }
}

namespace reference {

SignCounts pack_signs_axpby(const Axpby& from, std::span<float> out, Plane signs, Plane zeros) {
  return pack_plainly(AxpbySource{from, out.data()}, from.size(), signs, zeros).counts;
}

SignTotals pack_signs_residual(std::span<const float> g, std::span<const float> memory, float scale,
                               std::span<float> out, Plane signs, Plane zeros) {
  return pack_plainly(Residual{g.data(), memory.data(), scale, out.data()}, g.size(), signs, zeros);
}

SignTotals pack_signs_estimate(std::span<const float> g, float scale, std::span<float> estimate, Plane signs,
                               Plane zeros) {
  return pack_plainly(Estimate{g.data(), scale, estimate.data(), signs, zeros}, g.size(), signs, zeros);
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
