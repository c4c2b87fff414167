// The vectorised draws behind the noise members: plain spans in and out, SIMD target chosen when the program runs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/core/random/random.hpp"

namespace tersegrad {

// All three functions give the same bits on every SIMD target (IEEE operations in a fixed order, no fused
// multiply-add), and coordinate j always comes from the same words of the stream, wherever a call starts or ends.

/// values[i] += factor · profile[i] · G_j, j = first + i, with G_j independent N(0, 1).
///
/// Box–Muller, the limit ν → ∞ of Bailey (1994): block b of the stream gives the words (u, v, u', v') and with
/// U = (word + ½)·2⁻³² the coordinates 4b … 4b + 3 are R cos 2πV, R' cos 2πV', R sin 2πV, R' sin 2πV', R = √(−2 ln U).
/// Relative error of a draw ≤ 6e-7. The drawn law ends at |G| = √(2 · 33 ln 2) = 6.76, which N(0, 1) exceeds once in
/// 7·10¹⁰ draws.
/// \param first   multiple of 4, < 2^49
/// \param factor  ≥ 0, finite
/// \param profile empty (all ones) or as long as values
void add_gaussian(const Stream& stream, std::int64_t first, std::span<float> values, float factor,
                  std::span<const float> profile = {});

/// values[i] += factor · profile[i] · T_j with T_j independent Student t_ν.
///
/// Bailey (1994): T = √(ν(U^(−2/ν) − 1)) cos 2πV. For finite ν the sine of the same pair is uncorrelated with the
/// cosine but not independent of it (both are large together), so a pair gives one coordinate: blocks 2b and 2b + 1
/// give the coordinates 4b … 4b + 3.
/// Relative error of a draw ≤ 6e-7 + 4.2e-6/ν; the second part (three roundings of the exponent −2/ν·log2 U ≤ 66/ν,
/// times ½ ln 2) where |T| is largest. The drawn law ends at √ν·2^(33/ν) (8.6·10⁹ at ν = 1), a size that t_ν exceeds
/// about once in 10¹⁰ draws. Where |factor·profile·T| exceeds the largest float the draw is ±inf: below ν = 0.26 that
/// happens by design. ν outside [2⁻²⁰, 2⁴⁰] is drawn at the nearer end, where a float cannot tell (nearly all draws
/// infinite; Gaussian).
/// \param first, factor, profile as above
/// \param nu > 0, not NaN
void add_student(const Stream& stream, std::int64_t first, std::span<float> values, float factor, double nu,
                 std::span<const float> profile = {});

/// For tests and benches: the SIMD targets that this machine can run, best first ("AVX3", "AVX2", …, "SCALAR"); and
/// a choice of one of them for the whole process ("" undoes it). \throws Error for another name
std::vector<std::string> simd_targets();
void use_simd_target(const std::string& name);

}  // namespace tersegrad
