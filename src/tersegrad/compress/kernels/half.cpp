#include "tersegrad/compress/kernels/half.hpp"

#include <bit>
#include <cassert>
#include <cmath>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/half.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/compress/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

using Bits16 = std::span<const std::uint16_t>;

#if HWY_TARGET == HWY_SCALAR

std::size_t half_from_float(std::span<const float>, std::span<std::uint16_t>) { return 0; }
std::size_t float_from_half(Bits16, std::span<float>) { return 0; }
std::size_t bfloat16_from_float(std::span<const float>, std::span<std::uint16_t>) { return 0; }
std::size_t float_from_bfloat16(Bits16, std::span<float>) { return 0; }

#else

// Integer arithmetic on the bits, not the processors' instructions: those exist on some targets only.
using D = Lanes32<float>;
using DI = hn::RebindToSigned<D>;
using D16 = hn::Rebind<std::uint16_t, D>;
using VI = hn::Vec<DI>;

/// out ← convert(bits of x), 32 to 16 bits; whole vectors only.
template <class Convert>
HWY_INLINE std::size_t narrow(std::span<const float> x, std::span<std::uint16_t> out, Convert&& convert) {
  const std::size_t lanes = hn::Lanes(D());
  std::size_t i = 0;
  for (; i + lanes <= x.size(); i += lanes) {
    hn::StoreU(hn::DemoteTo(D16(), convert(hn::BitCast(DI(), hn::LoadU(D(), x.data() + i)))), D16(), out.data() + i);
  }
  return i;
}

template <class Convert>
HWY_INLINE std::size_t widen(Bits16 bits, std::span<float> out, Convert&& convert) {
  const std::size_t lanes = hn::Lanes(D());
  std::size_t i = 0;
  for (; i + lanes <= bits.size(); i += lanes) {
    hn::StoreU(hn::BitCast(D(), convert(hn::PromoteTo(DI(), hn::LoadU(D16(), bits.data() + i)))), D(), out.data() + i);
  }
  return i;
}

HWY_INLINE VI constant(std::int32_t value) { return hn::Set(DI(), value); }

std::size_t half_from_float(std::span<const float> x, std::span<std::uint16_t> out) {
  return narrow(x, out, [](VI bits) HWY_ATTR {
    const VI magnitude = hn::And(bits, constant(0x7fffffff));
    const VI sign = hn::And(hn::ShiftRight<16>(bits), constant(0x8000));
    // Normal: the exponent's bias goes from 127 to 15, the 13 dropped bits are rounded; a carry runs into the exponent.
    const VI odd = hn::And(hn::ShiftRight<13>(magnitude), constant(1));
    const VI normal = hn::ShiftRight<13>(hn::Add(hn::Add(magnitude, constant(0xfff - (112 << 23))), odd));
    // Denormal: 0.5 has the spacing 2⁻²⁴ of half's denormals, so the float addition rounds to them.
    const VI half = hn::BitCast(DI(), hn::Set(D(), 0.5f));
    const VI denormal = hn::Sub(hn::BitCast(DI(), hn::Add(hn::BitCast(D(), magnitude), hn::Set(D(), 0.5f))), half);
    const VI nan = hn::Or(constant(0x7e00), hn::And(hn::ShiftRight<13>(magnitude), constant(0x1ff)));
    VI result = hn::IfThenElse(hn::Lt(magnitude, constant(113 << 23)), denormal, normal);
    result = hn::IfThenElse(hn::Gt(magnitude, constant((142 << 23) | 0x7fffff)), constant(0x7c00), result);
    result = hn::IfThenElse(hn::Gt(magnitude, constant(0x7f800000)), nan, result);
    return hn::Or(result, sign);
  });
}

std::size_t float_from_half(Bits16 bits, std::span<float> out) {
  return widen(bits, out, [](VI half) HWY_ATTR {
    const VI magnitude = hn::And(half, constant(0x7fff));
    const VI sign = hn::ShiftLeft<16>(hn::And(half, constant(0x8000)));
    const VI normal = hn::Add(hn::ShiftLeft<13>(magnitude), constant(112 << 23));
    const VI special = hn::Or(hn::ShiftLeft<13>(magnitude), constant(0x7f800000));
    const VI quiet = hn::Or(special, constant(0x400000));
    const VI denormal = hn::BitCast(DI(), hn::Mul(hn::ConvertTo(D(), magnitude), hn::Set(D(), 0x1p-24f)));
    VI result = hn::IfThenElse(hn::Lt(magnitude, constant(0x400)), denormal, normal);
    result = hn::IfThenElse(hn::Gt(magnitude, constant(0x7bff)), special, result);
    result = hn::IfThenElse(hn::Gt(magnitude, constant(0x7c00)), quiet, result);
    return hn::Or(result, sign);
  });
}

std::size_t bfloat16_from_float(std::span<const float> x, std::span<std::uint16_t> out) {
  return narrow(x, out, [](VI bits) HWY_ATTR {
    // Unsigned shifts: what DemoteTo receives is within 16 bits.
    const hn::RebindToUnsigned<DI> du;
    const auto u = hn::BitCast(du, bits);
    const auto odd = hn::And(hn::ShiftRight<16>(u), hn::Set(du, 1u));
    const auto rounded = hn::ShiftRight<16>(hn::Add(hn::Add(u, hn::Set(du, 0x7fffu)), odd));
    const auto nan = hn::Or(hn::ShiftRight<16>(u), hn::Set(du, 0x40u));
    const auto is_nan = hn::Gt(hn::And(bits, constant(0x7fffffff)), constant(0x7f800000));
    return hn::IfThenElse(is_nan, hn::BitCast(DI(), nan), hn::BitCast(DI(), rounded));
  });
}

std::size_t float_from_bfloat16(Bits16 bits, std::span<float> out) {
  return widen(bits, out, [](VI upper) HWY_ATTR { return hn::ShiftLeft<16>(upper); });
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(half_from_float);
HWY_EXPORT(float_from_half);
HWY_EXPORT(bfloat16_from_float);
HWY_EXPORT(float_from_bfloat16);

void to_half(std::span<const float> x, std::span<std::uint16_t> out) {
  assert(out.size() == x.size());
  const std::size_t done = HWY_DYNAMIC_DISPATCH(half_from_float)(x, out);
  reference::to_half(x.subspan(done), out.subspan(done));
}

void from_half(std::span<const std::uint16_t> bits, std::span<float> out) {
  assert(out.size() == bits.size());
  const std::size_t done = HWY_DYNAMIC_DISPATCH(float_from_half)(bits, out);
  reference::from_half(bits.subspan(done), out.subspan(done));
}

void to_bfloat16(std::span<const float> x, std::span<std::uint16_t> out) {
  assert(out.size() == x.size());
  const std::size_t done = HWY_DYNAMIC_DISPATCH(bfloat16_from_float)(x, out);
  reference::to_bfloat16(x.subspan(done), out.subspan(done));
}

void from_bfloat16(std::span<const std::uint16_t> bits, std::span<float> out) {
  assert(out.size() == bits.size());
  const std::size_t done = HWY_DYNAMIC_DISPATCH(float_from_bfloat16)(bits, out);
  reference::from_bfloat16(bits.subspan(done), out.subspan(done));
}

namespace reference {

void to_half(std::span<const float> x, std::span<std::uint16_t> out) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(x[i]);
    const std::uint32_t magnitude = bits & 0x7fffffffu, sign = bits >> 16 & 0x8000u;
    std::uint32_t half = 0x7c00u;                      // inf, and what rounds to it
    if (magnitude > 0x7f800000u) {                     // NaN
      half = 0x7e00u | (magnitude >> 13 & 0x1ffu);
    } else if (magnitude < 0x38800000u) {              // below 2⁻¹⁴: a multiple of 2⁻²⁴; the product is exact
      half = static_cast<std::uint32_t>(std::nearbyint(static_cast<double>(std::bit_cast<float>(magnitude)) * 0x1p24));
    } else if (magnitude < 0x477ff000u) {              // below 65520
      const std::uint32_t dropped = magnitude & 0x1fffu;
      half = (magnitude - (112u << 23)) >> 13;
      half += dropped > 0x1000u || (dropped == 0x1000u && (half & 1u) != 0);
    }
    out[i] = static_cast<std::uint16_t>(sign | half);
  }
}

void from_half(std::span<const std::uint16_t> bits, std::span<float> out) {
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const std::uint32_t sign = (bits[i] & 0x8000u) << 16, exponent = bits[i] >> 10 & 31u, mantissa = bits[i] & 0x3ffu;
    std::uint32_t result = (exponent + 112u) << 23 | mantissa << 13;
    if (exponent == 0) result = std::bit_cast<std::uint32_t>(std::ldexp(static_cast<float>(mantissa), -24));
    if (exponent == 31) result = 0x7f800000u | mantissa << 13 | (mantissa != 0 ? 0x400000u : 0u);
    out[i] = std::bit_cast<float>(sign | result);
  }
}

void to_bfloat16(std::span<const float> x, std::span<std::uint16_t> out) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(x[i]);
    std::uint32_t upper = bits >> 16;
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
      upper |= 0x40u;
    } else {
      const std::uint32_t dropped = bits & 0xffffu;
      upper += dropped > 0x8000u || (dropped == 0x8000u && (upper & 1u) != 0);
    }
    out[i] = static_cast<std::uint16_t>(upper);
  }
}

void from_bfloat16(std::span<const std::uint16_t> bits, std::span<float> out) {
  for (std::size_t i = 0; i < bits.size(); ++i) out[i] = std::bit_cast<float>(std::uint32_t{bits[i]} << 16);
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
