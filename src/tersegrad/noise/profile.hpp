// How the scale of the noise differs between coordinates, and the arguments that all members share.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {

/// Relative scales s_j ≥ 0 of the coordinates j = 0, 1, …: σ_j = σ·s_j. All ones; or s_j = 1 + growth·j (Fig. 1's
/// σ_j = 0.01·(1 + j) is gaussian:0.01:growth=1); or as listed in a file, separated by white space.
class ScaleProfile {
 public:
  ScaleProfile() = default;
  /// From the arguments `growth` and `scales` (see scale_parameters).
  /// \throws Error if both are given, or the file is missing, empty or holds anything but finite numbers ≥ 0
  static ScaleProfile from(const Arguments& arguments);

  bool is_uniform() const { return growth_ == 0 && !listed_; }
  /// s_j. \throws Error if a file lists fewer
  double at(std::int64_t coordinate) const;
  /// out[i] = s_(first + i). \throws Error if a file lists fewer
  void fill(std::int64_t first, std::span<float> out) const;
  /// The same scales again and again, every `dim` coordinates.
  /// \throws Error unless a file lists exactly `dim`
  ScaleProfile replicated(std::int64_t dim) const;
  /// How the arguments were spelled: "", ":growth=1" or ":scales=FILE".
  std::string spelling() const;

 private:
  double growth_ = 0;
  std::shared_ptr<const std::vector<float>> listed_;
  std::string path_;
  std::int64_t period_ = 0;  ///< 0: none
};

/// The declared arguments sigma, growth and scales, behind `leading`.
std::vector<Parameter> scale_parameters(std::vector<Parameter> leading = {});

/// The argument nu: a number above 0, or inf. \throws Error
double read_nu(const Arguments& arguments);
/// The argument sigma: a number from 0 to the largest float. \throws Error
double read_sigma(const Arguments& arguments);
/// Shortest text that reads back as `value`.
std::string spell(double value);
/// \throws Error unless `first` and `scale` are what Noise::add takes
void check_run(std::int64_t first, float scale);
/// \throws Error unless a replica can have `dim` coordinates
void check_replica(std::int64_t dim);

}  // namespace tersegrad
