// Magnitudes and squares of coordinates, summed or maximised: what scales are made of.
#pragma once

#include <cstddef>
#include <span>

namespace tersegrad::kernels {

/// Sums in double over 16 lanes (lane_sums.hpp): the same bits on every instruction set. A non-finite coordinate makes them non-finite.
double sum_of_magnitudes(std::span<const float> x);
double sum_of_squares(std::span<const float> x);

/// max |x_j|; NaN if a coordinate is not finite. 0 for no coordinates.
float largest_magnitude(std::span<const float> x);

/// √(Σ x_j²); NaN if a coordinate is not finite.
double euclidean_norm(std::span<const float> x);

/// Plain loops with the same results, for tests.
namespace reference {
double sum_of_magnitudes(std::span<const float> x);
double sum_of_squares(std::span<const float> x);
float largest_magnitude(std::span<const float> x);
}  // namespace reference

}  // namespace tersegrad::kernels
