#include "tersegrad/noise/profile.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/system/file.hpp"

namespace tersegrad {
namespace {

constexpr double largest_float = std::numeric_limits<float>::max();

std::vector<float> read_scales(const std::string& path) {
  std::istringstream words(read_file(path));
  std::vector<float> scales;
  for (std::string word; words >> word;) {
    double value = 0;
    TERSEGRAD_CHECK(parse_real(word, value) && value >= 0 && value <= largest_float, "number ", scales.size() + 1,
                    " in '", path, "' is '", word, "' (the scale of a coordinate is a finite number, 0 or above)");
    scales.push_back(static_cast<float>(value));
  }
  TERSEGRAD_CHECK(!scales.empty(), "'", path, "' holds no numbers (one scale for each coordinate is needed)");
  return scales;
}

}  // namespace

ScaleProfile ScaleProfile::from(const Arguments& arguments) {
  ScaleProfile profile;
  profile.growth_ = arguments.real("growth", 0, largest_float);
  if (arguments.text("scales") != "none") {
    TERSEGRAD_CHECK(profile.growth_ == 0, "noise '", arguments.spec().text,
                    "' gives both growth and scales (each sets the scale of every coordinate); give one of them");
    profile.path_ = arguments.text("scales");
    profile.listed_ = std::make_shared<const std::vector<float>>(read_scales(profile.path_));
  }
  return profile;
}

double ScaleProfile::at(std::int64_t coordinate) const {
  const std::int64_t j = period_ == 0 ? coordinate : coordinate % period_;
  if (!listed_) return 1 + growth_ * static_cast<double>(j);
  TERSEGRAD_CHECK(j < static_cast<std::int64_t>(listed_->size()), "'", path_, "' lists ", listed_->size(),
                  " scales, too few for the coordinates of this vector");
  return (*listed_)[static_cast<std::size_t>(j)];
}

void ScaleProfile::fill(std::int64_t first, std::span<float> out) const {
  if (out.empty()) return;
  if (is_uniform()) {
    std::fill(out.begin(), out.end(), 1.0f);
    return;
  }
  if (period_ == 0) at(first + static_cast<std::int64_t>(out.size()) - 1);  // refuses a list that is too short
  std::int64_t j = period_ == 0 ? first : first % period_;
  for (float& scale : out) {
    scale = listed_ ? (*listed_)[static_cast<std::size_t>(j)]
                    : static_cast<float>(1 + growth_ * static_cast<double>(j));
    if (++j == period_) j = 0;
  }
}

ScaleProfile ScaleProfile::replicated(std::int64_t dim) const {
  check_replica(dim);
  TERSEGRAD_CHECK(!listed_ || static_cast<std::int64_t>(listed_->size()) == dim, "'", path_, "' lists ",
                  listed_ ? listed_->size() : 0, " scales, but a replica has ", dim, " coordinates");
  ScaleProfile repeated = *this;
  repeated.period_ = dim;
  return repeated;
}

std::string ScaleProfile::spelling() const {
  if (listed_) return ":scales=" + path_;
  return growth_ == 0 ? "" : ":growth=" + spell(growth_);
}

std::vector<Parameter> scale_parameters(std::vector<Parameter> leading) {
  leading.push_back({"sigma", "", "scale of a coordinate at batch size 1, ≥ 0"});
  leading.push_back({"growth", "0", "the scale of coordinate j = 0, 1, … is sigma·(1 + growth·j), ≥ 0"});
  leading.push_back({"scales", "none", "a text file with one factor ≥ 0 a coordinate: its scale is sigma·factor"});
  return leading;
}

double read_nu(const Arguments& arguments) {
  double nu = 0;
  const std::string& text = arguments.text("nu");
  TERSEGRAD_CHECK(parse_real(text, nu) && nu > 0, "argument 'nu' of noise '", arguments.spec().text, "' is '", text,
                  "' (degrees of freedom are a number above 0, or inf for Gaussian noise)");
  return nu;
}

double read_sigma(const Arguments& arguments) {
  double sigma = 0;
  const std::string& text = arguments.text("sigma");
  TERSEGRAD_CHECK(parse_real(text, sigma) && sigma >= 0 && sigma <= largest_float, "argument 'sigma' of noise '",
                  arguments.spec().text, "' is '", text, "' (a scale is a finite number, 0 or above)");
  return sigma + 0.0;  // −0 is spelled 0
}

std::string spell(double value) {
  if (std::isinf(value)) return "inf";
  char text[32];
  const auto result = std::to_chars(text, text + sizeof text, value, std::chars_format::general);
  return std::string(text, result.ptr);
}

void check_run(std::int64_t first, float scale) {
  TERSEGRAD_CHECK(first >= 0 && first % 4 == 0 && first <= (std::int64_t{1} << 48),
                  "noise for a run that begins at coordinate ", first,
                  " (a run must begin at a multiple of 4, so that cutting a vector does not change its noise)");
  TERSEGRAD_CHECK(scale >= 0 && scale <= largest_float, "noise with scale factor ", scale,
                  " (1/√B is a finite number, 0 or above)");
}

void check_replica(std::int64_t dim) {
  TERSEGRAD_CHECK(dim >= 1, "noise for replicas of ", dim, " coordinates (a replica has at least one)");
}

}  // namespace tersegrad
