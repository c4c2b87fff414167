// Bailey's transform on Highway vectors: uniform 32-bit words to Gaussian and Student's t variates.
// Included once per SIMD target, by a file that iterates over the targets.
#include <cstdint>

#include "hwy/highway.h"

#if defined(TERSEGRAD_NOISE_BAILEY_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TERSEGRAD_NOISE_BAILEY_INL_HPP
#undef TERSEGRAD_NOISE_BAILEY_INL_HPP
#else
#define TERSEGRAD_NOISE_BAILEY_INL_HPP
#endif

HWY_BEFORE_NAMESPACE();
namespace tersegrad::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Every operation below is an IEEE addition, multiplication or square root, or acts on integers, and stands in a
// fixed order without fused multiply-adds: all targets give the same bits. (Highway's own Log, Exp and Sin fuse
// where the target can.) The polynomials are minimax in relative error, each with its error in exact arithmetic.

/// c0 + x·(c1 + x·(…)), halved instead of nested (Estrin): a draw's chain of dependent operations bounds its speed.
template <class V>
HWY_INLINE V polynomial(V x, float c0, float c1) {
  const hn::DFromV<V> d;
  return hn::Add(hn::Set(d, c0), hn::Mul(x, hn::Set(d, c1)));
}
template <class V>
HWY_INLINE V polynomial(V x, V x2, float c0, float c1, float c2) {
  return hn::Add(polynomial(x, c0, c1), hn::Mul(x2, hn::Set(hn::DFromV<V>(), c2)));
}
template <class V>
HWY_INLINE V polynomial(V x, V x2, float c0, float c1, float c2, float c3) {
  return hn::Add(polynomial(x, c0, c1), hn::Mul(x2, polynomial(x, c2, c3)));
}
template <class V, class... Floats>
HWY_INLINE V polynomial(V x, V x2, V x4, float c0, float c1, float c2, float c3, Floats... rest) {
  return hn::Add(polynomial(x, x2, c0, c1, c2, c3), hn::Mul(x4, polynomial(x, x2, rest...)));
}

/// log2 U of U = (w + ½)·2⁻³², in [−33, −2⁻³³/ln 2]; relative error ≤ 4e-7 on the whole range, U → 1 included.
///
/// U = 2ᵉ·(1 + s) with s in [−⅓, ⅓). Near U = 1, where a float cannot hold U, s = −(1 − U) comes from the
/// complement of w and keeps its full precision: small radii are as exact as large ones.
template <class D, class V32>
HWY_INLINE hn::Vec<D> log2_uniform(D d, V32 word) {
  const hn::RebindToSigned<D> di;
  const auto signed_word = hn::BitCast(di, word);
  const auto upper = hn::ShiftRight<31>(signed_word);  // all ones where U > ½
  const auto distance = hn::ConvertTo(d, hn::Xor(signed_word, upper));
  const auto near_end = hn::Mul(hn::Add(distance, hn::Set(d, 0.5f)), hn::Set(d, 0x1p-32f));  // U or 1 − U
  const auto u = hn::IfVecThenElse(hn::BitCast(d, upper), hn::Sub(hn::Set(d, 1.0f), near_end), near_end);
  const auto bits = hn::BitCast(di, u);
  const auto exponent = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3f2aaaab)));  // 0 for [2/3, 4/3)
  const auto mantissa = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(exponent)));
  const auto is_near_one = hn::RebindMask(d, hn::Eq(exponent, hn::Zero(di)));
  const auto s = hn::IfThenElse(is_near_one, hn::Neg(near_end), hn::Sub(mantissa, hn::Set(d, 1.0f)));
  const auto s2 = hn::Mul(s, s);
  const auto s4 = hn::Mul(s2, s2);
  auto slope = polynomial(s, s2, s4, 1.44269502f, -0.721346557f, 0.480895966f, -0.360789567f, 0.288711309f,
                          -0.236786753f, 0.201799586f, -0.222219929f);  // log2(1 + s)/s, 5e-8
  slope = hn::Add(slope, hn::Mul(hn::Mul(s4, s4), hn::Set(d, 0.202784717f)));
  return hn::Add(hn::ConvertTo(d, exponent), hn::Mul(s, slope));
}

/// cos 2πV and sin 2πV of V = (w + ½)·2⁻³², relative error ≤ 3e-7, never 0: the quadrant is taken from the word's
/// leading bits, so the reduction is exact.
template <class D, class V32>
HWY_INLINE void cos_sin_turn(D d, V32 word, hn::Vec<D>& cosine, hn::Vec<D>& sine) {
  const hn::RebindToSigned<D> di;
  const hn::RebindToUnsigned<D> du;
  // Angle from the nearest multiple of a quarter turn, in quarter turns: [−½, ½].
  const auto fraction = hn::BitCast(di, hn::Or(hn::ShiftLeft<2>(word), hn::Set(du, 2u)));
  const auto a = hn::Mul(hn::ConvertTo(d, fraction), hn::Set(d, 0x1p-32f));
  const auto a2 = hn::Mul(a, a);
  const auto a4 = hn::Mul(a2, a2);
  const auto s = hn::Mul(a, polynomial(a2, a4, 1.57079637f, -0.64596349f, 0.079680033f, -0.00460165786f));  // 4e-8
  auto c = polynomial(a2, a4, 1.0f, -1.23370051f, 0.253669173f, -0.0208599363f);
  c = hn::Add(c, hn::Mul(hn::Mul(a4, a4), hn::Set(d, 0.00090336299f)));  // 9e-9
  const auto quadrant = hn::Add(word, hn::Set(du, 1u << 29));  // in the two leading bits
  const auto next_bit = hn::ShiftLeft<1>(quadrant);
  const auto odd = hn::BitCast(d, hn::ShiftRight<31>(hn::BitCast(di, next_bit)));
  const auto sign_bit = hn::Set(du, 1u << 31);
  const auto cosine_sign = hn::BitCast(d, hn::And(hn::Xor(quadrant, next_bit), sign_bit));
  const auto sine_sign = hn::BitCast(d, hn::And(quadrant, sign_bit));
  cosine = hn::Xor(hn::IfVecThenElse(odd, s, c), cosine_sign);
  sine = hn::Xor(hn::IfVecThenElse(odd, c, s), sine_sign);
}

/// cos 2πV alone: sin 2π(V + ¼), folded to ±¼ turn; relative error ≤ 3e-7, never 0.
template <class D, class V32>
HWY_INLINE hn::Vec<D> cos_turn(D d, V32 word) {
  const hn::RebindToSigned<D> di;
  const hn::RebindToUnsigned<D> du;
  const auto turned = hn::BitCast(di, hn::Add(word, hn::Set(du, 1u << 30)));  // V + ¼ in [−½, ½) turns
  const auto far = hn::ShiftRight<31>(hn::Xor(turned, hn::ShiftLeft<1>(turned)));
  const auto folded = hn::Xor(turned, hn::And(far, hn::Set(di, 0x7fffffff)));  // half a turn minus it
  const auto twice = hn::Or(hn::ShiftLeft<1>(folded), hn::Set(di, 1));
  const auto a = hn::Mul(hn::ConvertTo(d, twice), hn::Set(d, 0x1p-31f));  // quarter turns, [−1, 1]
  const auto a2 = hn::Mul(a, a);
  const auto a4 = hn::Mul(a2, a2);
  const auto slope = polynomial(a2, a4, 1.57079637f, -0.645963728f, 0.0796896815f, -0.00467376644f);
  return hn::Mul(a, hn::Add(slope, hn::Mul(hn::Mul(a4, a4), hn::Set(d, 0.000151485132f))));  // 5e-8
}

/// factor·√(U^(−2/ν) − 1)·cosine without an overflow that the product itself does not have.
///
/// U^(−2/ν) = 2^(2j)·2^r, r in [−1, 1], so the root is 2^j·√(2^r − 2^(−2j)); 2^r − 1 is a polynomial without constant
/// term, which keeps small radii exact. 2^j comes last, in two steps: j reaches 252, where every product is ±inf.
/// \param exponent −2/ν·log2 U > 0
template <class D, class V = hn::Vec<D>>
HWY_INLINE V scaled_student(D d, V exponent, V factor, V cosine) {
  const hn::RebindToSigned<D> di;
  const auto y = hn::Min(exponent, hn::Set(d, 504.0f));
  const auto round = hn::Set(d, 0x1.8p23f);  // adding it leaves the nearest integer in the low bits
  const auto shifted = hn::Add(hn::Mul(y, hn::Set(d, 0.5f)), round);
  const auto j = hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, round));
  const auto nearest = hn::Sub(shifted, round);
  const auto r = hn::Sub(y, hn::Add(nearest, nearest));
  const auto r2 = hn::Mul(r, r);
  const auto slope = polynomial(r, r2, hn::Mul(r2, r2), 0.693147182f, 0.240226641f, 0.0555040203f, 0.00961698592f,
                                0.00133353379f, 0.000156345079f, 1.52525236e-05f);
  const auto grown = hn::Mul(r, slope);  // 2^r − 1, 4e-8
  const auto bias = hn::Set(di, 127);
  const auto inverse_bits = hn::Max(hn::Sub(bias, hn::Add(j, j)), hn::Zero(di));
  const auto inverse = hn::BitCast(d, hn::ShiftLeft<23>(inverse_bits));  // 2^(−2j), or 0
  const auto root = hn::Sqrt(hn::Add(grown, hn::Sub(hn::Set(d, 1.0f), inverse)));
  const auto half = hn::ShiftRight<1>(j);
  const auto power1 = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(half, bias)));
  const auto power2 = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(hn::Sub(j, half), bias)));
  return hn::Mul(hn::Mul(hn::Mul(hn::Mul(factor, root), cosine), power1), power2);
}

}  // namespace tersegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
