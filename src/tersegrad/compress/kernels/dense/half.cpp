#include "tersegrad/compress/kernels/dense/half.hpp"

#include <bit>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "tersegrad/core/kernels/prefetch.hpp"

#ifndef TERSEGRAD_COMPRESS_KERNELS_HALF_ONCE  // this file is read once for each instruction set
#define TERSEGRAD_COMPRESS_KERNELS_HALF_ONCE
namespace tersegrad::kernels {
namespace {
constexpr std::int32_t largest_float = 0x7f7fffff;
}  // namespace
}  // namespace tersegrad::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/dense/half.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

using Bytes = std::span<const std::byte>;

#if HWY_TARGET == HWY_SCALAR

std::size_t half_from_float(std::span<const float>, std::span<std::byte>, std::int64_t&) { return 0; }
std::size_t float_from_half(Bytes, std::span<float>) { return 0; }
std::size_t descent_half(Bytes, float, std::span<float>) { return 0; }
std::size_t bfloat16_from_float(std::span<const float>, std::span<std::byte>, std::int64_t&) { return 0; }
std::size_t float_from_bfloat16(Bytes, std::span<float>) { return 0; }
std::size_t descent_bfloat16(Bytes, float, std::span<float>) { return 0; }
std::size_t copy(std::span<const float>, std::span<std::byte>, std::int64_t&) { return 0; }
std::size_t descent_floats(Bytes, float, std::span<float>) { return 0; }
std::size_t beyond(std::span<const float>, std::int32_t, std::int64_t&) { return 0; }

#else

using D = Lanes32<float>;
using DI = hn::RebindToSigned<D>;
using D16 = hn::Rebind<std::uint16_t, D>;
using D8 = hn::Repartition<std::uint8_t, D16>;  // a packed value lies at any byte
using VI = hn::Vec<DI>;

constexpr std::size_t run = std::size_t{1} << 20;  // coordinates whose count fits a lane of 32 bits

/// For whole vectors of x: use(j, their bits), and how many of them are of a magnitude above `top`.
template <class Use>
HWY_INLINE std::size_t for_each(std::span<const float> x, std::int32_t top, std::int64_t& count, Use&& use) {
  const DI di;
  const std::size_t lanes = hn::Lanes(di), whole = x.size() / lanes * lanes;
  const VI limit = hn::Set(di, top), magnitude = hn::Set(di, 0x7fffffff);
  for (std::size_t begin = 0; begin < whole; begin += run) {
    VI counts = hn::Zero(di);  // −1 for each
    for (std::size_t j = begin, end = begin + run < whole ? begin + run : whole; j < end; j += lanes) {
      prefetch_ahead(x.data() + j, lanes);
      const VI bits = hn::BitCast(di, hn::LoadU(D(), x.data() + j));
      counts = hn::Add(counts, hn::VecFromMask(di, hn::Gt(hn::And(bits, magnitude), limit)));
      use(j, bits);
    }
    count -= hn::GetLane(hn::SumOfLanes(di, counts));
  }
  return whole;
}

HWY_INLINE void store16(hn::Vec<D16> values, std::byte* to) {
  prefetch_ahead(to, hn::Lanes(D8()));
  hn::StoreU(hn::BitCast(D8(), values), D8(), reinterpret_cast<std::uint8_t*>(to));
}

HWY_INLINE hn::Vec<D16> load16(const std::byte* from) {
  return hn::BitCast(D16(), hn::LoadU(D8(), reinterpret_cast<const std::uint8_t*>(from)));
}

/// out ← decode(16 bits), whole vectors only.
template <class Decode>
HWY_INLINE std::size_t widen(Bytes in, std::span<float> out, Decode&& decode) {
  const std::size_t lanes = hn::Lanes(D()), whole = out.size() / lanes * lanes;
  for (std::size_t j = 0; j < whole; j += lanes) hn::StoreU(decode(load16(in.data() + 2 * j)), D(), out.data() + j);
  return whole;
}

/// x ← x − step·load(j), whole vectors only.
template <class Load>
HWY_INLINE std::size_t descent(std::span<float> x, float step, Load&& load) {
  const D d;
  const std::size_t lanes = hn::Lanes(d), whole = x.size() / lanes * lanes;
  const auto eta = hn::Set(d, step);
  for (std::size_t j = 0; j < whole; j += lanes) {
    prefetch_ahead(x.data() + j, lanes);
    const auto move = hn::Mul(eta, load(j));
    hn::StoreU(hn::Sub(hn::LoadU(d, x.data() + j), move), d, x.data() + j);
  }
  return whole;
}

HWY_INLINE VI constant(std::int32_t value) { return hn::Set(DI(), value); }

#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86  // F16C rounds to nearest even, keeps denormals and quiets NaN

using Half = hn::Rebind<hwy::float16_t, D>;

HWY_INLINE hn::Vec<D16> encode_half(VI bits) {
  return hn::BitCast(D16(), hn::DemoteTo(Half(), hn::BitCast(D(), bits)));
}

HWY_INLINE hn::Vec<D> decode_half(hn::Vec<D16> bits) { return hn::PromoteTo(D(), hn::BitCast(Half(), bits)); }

#else  // integer arithmetic on the bits: not every processor has instructions, and they differ in what is a NaN

HWY_INLINE hn::Vec<D16> encode_half(VI bits) {
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
  return hn::DemoteTo(D16(), hn::Or(result, sign));
}

HWY_INLINE hn::Vec<D> decode_half(hn::Vec<D16> bits) {
  const VI half = hn::PromoteTo(DI(), bits);
  const VI magnitude = hn::And(half, constant(0x7fff));
  const VI sign = hn::ShiftLeft<16>(hn::And(half, constant(0x8000)));
  const VI normal = hn::Add(hn::ShiftLeft<13>(magnitude), constant(112 << 23));
  const VI special = hn::Or(hn::ShiftLeft<13>(magnitude), constant(0x7f800000));
  const VI quiet = hn::Or(special, constant(0x400000));
  const VI denormal = hn::BitCast(DI(), hn::Mul(hn::ConvertTo(D(), magnitude), hn::Set(D(), 0x1p-24f)));
  VI result = hn::IfThenElse(hn::Lt(magnitude, constant(0x400)), denormal, normal);
  result = hn::IfThenElse(hn::Gt(magnitude, constant(0x7bff)), special, result);
  result = hn::IfThenElse(hn::Gt(magnitude, constant(0x7c00)), quiet, result);
  return hn::BitCast(D(), hn::Or(result, sign));
}

#endif

HWY_INLINE hn::Vec<D16> encode_bfloat16(VI bits) {
  // Unsigned shifts: what DemoteTo receives is within 16 bits.
  const hn::RebindToUnsigned<DI> du;
  const auto u = hn::BitCast(du, bits);
  const auto odd = hn::And(hn::ShiftRight<16>(u), hn::Set(du, 1u));
  const auto rounded = hn::ShiftRight<16>(hn::Add(hn::Add(u, hn::Set(du, 0x7fffu)), odd));
  const auto nan = hn::Or(hn::ShiftRight<16>(u), hn::Set(du, 0x40u));
  const auto is_nan = hn::Gt(hn::And(bits, constant(0x7fffffff)), constant(0x7f800000));
  return hn::DemoteTo(D16(), hn::IfThenElse(is_nan, hn::BitCast(DI(), nan), hn::BitCast(DI(), rounded)));
}

HWY_INLINE hn::Vec<D> decode_bfloat16(hn::Vec<D16> bits) {
  return hn::BitCast(D(), hn::ShiftLeft<16>(hn::PromoteTo(DI(), bits)));
}

std::size_t half_from_float(std::span<const float> x, std::span<std::byte> out, std::int64_t& beyond) {
  return for_each(x, static_cast<std::int32_t>(largest_half), beyond,
                  [&](std::size_t j, VI bits) HWY_ATTR { store16(encode_half(bits), out.data() + 2 * j); });
}

std::size_t float_from_half(Bytes in, std::span<float> out) {
  return widen(in, out, [](auto bits) HWY_ATTR { return decode_half(bits); });
}

std::size_t descent_half(Bytes in, float step, std::span<float> x) {
  return descent(x, step, [&](std::size_t j) HWY_ATTR { return decode_half(load16(in.data() + 2 * j)); });
}

std::size_t bfloat16_from_float(std::span<const float> x, std::span<std::byte> out, std::int64_t& beyond) {
  return for_each(x, static_cast<std::int32_t>(largest_bfloat16), beyond,
                  [&](std::size_t j, VI bits) HWY_ATTR { store16(encode_bfloat16(bits), out.data() + 2 * j); });
}

std::size_t float_from_bfloat16(Bytes in, std::span<float> out) {
  return widen(in, out, [](auto bits) HWY_ATTR { return decode_bfloat16(bits); });
}

std::size_t descent_bfloat16(Bytes in, float step, std::span<float> x) {
  return descent(x, step, [&](std::size_t j) HWY_ATTR { return decode_bfloat16(load16(in.data() + 2 * j)); });
}

using Bytes32 = hn::Repartition<std::uint8_t, D>;

std::size_t copy(std::span<const float> x, std::span<std::byte> out, std::int64_t& beyond) {
  const Bytes32 bytes;
  return for_each(x, largest_float, beyond, [&](std::size_t j, VI bits) HWY_ATTR {
    prefetch_ahead(out.data() + 4 * j, hn::Lanes(bytes));
    hn::StoreU(hn::BitCast(bytes, bits), bytes, reinterpret_cast<std::uint8_t*>(out.data() + 4 * j));
  });
}

std::size_t descent_floats(Bytes in, float step, std::span<float> x) {
  return descent(x, step, [&](std::size_t j) HWY_ATTR {
    return hn::BitCast(D(), hn::LoadU(Bytes32(), reinterpret_cast<const std::uint8_t*>(in.data() + 4 * j)));
  });
}

std::size_t beyond(std::span<const float> x, std::int32_t top, std::int64_t& count) {
  return for_each(x, top, count, [](std::size_t, VI) {});
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(half_from_float);
HWY_EXPORT(float_from_half);
HWY_EXPORT(descent_half);
HWY_EXPORT(bfloat16_from_float);
HWY_EXPORT(float_from_bfloat16);
HWY_EXPORT(descent_bfloat16);
HWY_EXPORT(copy);
HWY_EXPORT(descent_floats);
HWY_EXPORT(beyond);

namespace {

/// The values behind `done`, one by one. \returns how many of them are of a magnitude above `top`
template <class Encode>
std::int64_t encode_rest(std::span<const float> x, std::size_t done, std::uint32_t top, std::span<std::byte> out,
                         Encode&& encode) {
  std::int64_t count = 0;
  for (std::size_t j = done; j < x.size(); ++j) {
    const auto bits = encode(x[j]);
    std::memcpy(out.data() + sizeof bits * j, &bits, sizeof bits);
    count += (std::bit_cast<std::uint32_t>(x[j]) & 0x7fffffffu) > top;
  }
  return count;
}

template <class T>
T value_at(std::span<const std::byte> in, std::size_t j) {
  T value;
  std::memcpy(&value, in.data() + sizeof value * j, sizeof value);
  return value;
}

}  // namespace

std::int64_t to_half(std::span<const float> x, std::span<std::byte> out) {
  assert(out.size() == 2 * x.size());
  std::int64_t count = 0;
  const std::size_t done = HWY_DYNAMIC_DISPATCH(half_from_float)(x, out, count);
  return count + encode_rest(x, done, largest_half, out, [](float v) { return reference::to_half(v); });
}

void from_half(std::span<const std::byte> in, std::span<float> out) {
  assert(in.size() == 2 * out.size());
  for (std::size_t j = HWY_DYNAMIC_DISPATCH(float_from_half)(in, out); j < out.size(); ++j) {
    out[j] = reference::from_half(value_at<std::uint16_t>(in, j));
  }
}

void decode_axpy_half(std::span<const std::byte> in, float step, std::span<float> x) {
  assert(in.size() == 2 * x.size());
  for (std::size_t j = HWY_DYNAMIC_DISPATCH(descent_half)(in, step, x); j < x.size(); ++j) {
    x[j] = x[j] - step * reference::from_half(value_at<std::uint16_t>(in, j));
  }
}

std::int64_t to_bfloat16(std::span<const float> x, std::span<std::byte> out) {
  assert(out.size() == 2 * x.size());
  std::int64_t count = 0;
  const std::size_t done = HWY_DYNAMIC_DISPATCH(bfloat16_from_float)(x, out, count);
  return count + encode_rest(x, done, largest_bfloat16, out, [](float v) { return reference::to_bfloat16(v); });
}

void from_bfloat16(std::span<const std::byte> in, std::span<float> out) {
  assert(in.size() == 2 * out.size());
  for (std::size_t j = HWY_DYNAMIC_DISPATCH(float_from_bfloat16)(in, out); j < out.size(); ++j) {
    out[j] = reference::from_bfloat16(value_at<std::uint16_t>(in, j));
  }
}

void decode_axpy_bfloat16(std::span<const std::byte> in, float step, std::span<float> x) {
  assert(in.size() == 2 * x.size());
  for (std::size_t j = HWY_DYNAMIC_DISPATCH(descent_bfloat16)(in, step, x); j < x.size(); ++j) {
    x[j] = x[j] - step * reference::from_bfloat16(value_at<std::uint16_t>(in, j));
  }
}

std::int64_t copy_and_count(std::span<const float> x, std::span<std::byte> out) {
  assert(out.size() == 4 * x.size());
  std::int64_t count = 0;
  const std::size_t done = HWY_DYNAMIC_DISPATCH(copy)(x, out, count);
  return count + encode_rest(x, done, largest_float, out, [](float v) { return v; });
}

void decode_axpy_floats(std::span<const std::byte> in, float step, std::span<float> x) {
  assert(in.size() == 4 * x.size());
  for (std::size_t j = HWY_DYNAMIC_DISPATCH(descent_floats)(in, step, x); j < x.size(); ++j) {
    x[j] = x[j] - step * value_at<float>(in, j);
  }
}

std::int64_t count_beyond(std::span<const float> x, float limit) {
  const auto top = std::bit_cast<std::int32_t>(limit);
  std::int64_t count = 0;
  for (std::size_t j = HWY_DYNAMIC_DISPATCH(beyond)(x, top, count); j < x.size(); ++j) {
    count += (std::bit_cast<std::int32_t>(x[j]) & 0x7fffffff) > top;
  }
  return count;
}

namespace reference {

std::uint16_t to_half(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
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
  return static_cast<std::uint16_t>(sign | half);
}

float from_half(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000u) << 16, exponent = bits >> 10 & 31u, mantissa = bits & 0x3ffu;
  std::uint32_t result = (exponent + 112u) << 23 | mantissa << 13;
  if (exponent == 0) result = std::bit_cast<std::uint32_t>(std::ldexp(static_cast<float>(mantissa), -24));
  if (exponent == 31) result = 0x7f800000u | mantissa << 13 | (mantissa != 0 ? 0x400000u : 0u);
  return std::bit_cast<float>(sign | result);
}

std::uint16_t to_bfloat16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  std::uint32_t upper = bits >> 16;
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    upper |= 0x40u;
  } else {
    const std::uint32_t dropped = bits & 0xffffu;
    upper += dropped > 0x8000u || (dropped == 0x8000u && (upper & 1u) != 0);
  }
  return static_cast<std::uint16_t>(upper);
}

float from_bfloat16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
