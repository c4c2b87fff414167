// What the members with a scale share: σ, its profile over the coordinates, and the cutting into runs.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include "tersegrad/noise/profile.hpp"

namespace tersegrad {

/// σ_j = σ·s_j.
struct Scales {
  double sigma = 0;
  ScaleProfile profile;

  static Scales from(const Arguments& arguments) { return {read_sigma(arguments), ScaleProfile::from(arguments)}; }
  double at(std::int64_t coordinate) const { return sigma * profile.at(coordinate); }
  Scales replicated(std::int64_t dim) const { return {sigma, profile.replicated(dim)}; }
  std::string spelling() const { return spell(sigma) + profile.spelling(); }

  /// draw(first, run, factor, profile) for runs that cover `values`, with σ·scale as the factor and the relative scales
  /// of the run as the profile: one run and an empty profile where all scales are equal, else runs of at most 1024.
  /// No call at all where the scale is 0: 0 · inf would be NaN.
  /// \throws Error if `first` or `scale` is not what Noise::add takes
  template <class Draw>
  void for_each_run(std::int64_t first, std::span<float> values, float scale, const Draw& draw) const {
    check_run(first, scale);
    const auto factor = static_cast<float>(std::min(sigma * scale, double{std::numeric_limits<float>::max()}));
    if (factor == 0) return;
    if (profile.is_uniform()) {
      draw(first, values, factor, std::span<const float>());
      return;
    }
    std::array<float, 1024> scales;
    for (std::size_t i = 0; i < values.size(); i += scales.size()) {
      const auto run = values.subspan(i, std::min(scales.size(), values.size() - i));
      const auto of_run = std::span(scales).first(run.size());
      profile.fill(first + static_cast<std::int64_t>(i), of_run);
      draw(first + static_cast<std::int64_t>(i), run, factor, std::span<const float>(of_run));
    }
  }
};

}  // namespace tersegrad
