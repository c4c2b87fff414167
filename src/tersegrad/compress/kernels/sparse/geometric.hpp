// The gaps between coordinates that are kept independently.
#pragma once

#include <cstdint>
#include <span>

namespace tersegrad::kernels {

/// gap_i = ⌊ln U_i/log_dropped⌋, geometric: P(gap = m) = p(1 − p)^m, with U_i = (n + ½)·2⁻⁵³ and n the upper 53 bits of
/// the 64-bit word made of words 2i (low) and 2i + 1.
///
/// The logarithm is that of std::log: vectors find the quotient to a relative 1e-15, and where it lies within 1e-12 of a
/// whole number, so that its floor is not certain, std::log decides. The same gaps on every instruction set.
/// \param words  [2·gaps.size()] \param log_dropped  ln(1 − p) < 0; −inf: every gap is 0
void geometric_gaps(std::span<const std::uint32_t> words, double log_dropped, std::span<double> gaps);

/// A plain loop with the same result, for tests.
namespace reference {
void geometric_gaps(std::span<const std::uint32_t> words, double log_dropped, std::span<double> gaps);
}  // namespace reference

}  // namespace tersegrad::kernels
