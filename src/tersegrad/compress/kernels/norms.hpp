// Magnitudes and squares of coordinates, summed or maximised: what scales are made of.
#pragma once

#include <cstddef>
#include <span>

namespace tersegrad::kernels {

/// Sums in double over 16 lanes, lane l adding every 16th coordinate in order, the lanes then added up in pairs
/// (l and l + 8, then l and l + 4, …): the same bits on every instruction set. A non-finite coordinate makes them non-finite.
double sum_of_magnitudes(std::span<const float> x);
double sum_of_squares(std::span<const float> x);
/// Σ |fl(x_j + y_j)| in the same way. \param y  [x.size()]
double sum_of_magnitudes(std::span<const float> x, std::span<const float> y);

/// max |x_j|; NaN if a coordinate is not finite. 0 for no coordinates.
float largest_magnitude(std::span<const float> x);

/// √(Σ x_j²); NaN if a coordinate is not finite.
double euclidean_norm(std::span<const float> x);

/// Plain loops with the same results, for tests.
namespace reference {
double sum_of_magnitudes(std::span<const float> x);
double sum_of_magnitudes(std::span<const float> x, std::span<const float> y);
double sum_of_squares(std::span<const float> x);
float largest_magnitude(std::span<const float> x);
}  // namespace reference

}  // namespace tersegrad::kernels
