#include "apps/reproduce/claim.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/theory/student/student_constants.hpp"

namespace tersegrad {

const char* const verdict_rule =
    "off: distance on the wrong side of the prediction. fails: off - z s.e. > allowance. Else inconclusive: "
    "z s.e. > resolution (=), off + z s.e. > allowance + resolution (<=, >=), or a premise is not met. Else holds. "
    "Allowance: what the theory leaves out, never a standard error; resolution: the least deviation that matters.";

namespace {

double off_by(const Claim& claim) {
  return claim.relation == "<="   ? claim.measured - claim.predicted
         : claim.relation == ">=" ? claim.predicted - claim.measured
                                  : std::abs(claim.measured - claim.predicted);
}

/// How far a claim is from failing (> 0: it fails) and from being decided (> 0: it is not), in s.e. where there are
/// any.
struct Margins {
  double failing, undecided;
};
Margins margins(const Claim& claim) {
  const double off = off_by(claim), chance = claim.z * claim.error;
  if (std::isinf(off)) return {off, off};
  const double room = claim.allowance + claim.resolution;
  return {off - chance - claim.allowance, claim.relation == "=" ? chance - claim.resolution : off + chance - room};
}

}  // namespace

Verdict Claim::verdict() const {
  if (!unmet.empty() || std::isnan(measured)) return Verdict::inconclusive;
  if (opposite.has_value()) {
    return measured <= predicted ? Verdict::holds : *opposite <= predicted ? Verdict::fails : Verdict::inconclusive;
  }
  const Margins by = margins(*this);
  if (by.failing > 0) return Verdict::fails;
  return by.undecided <= 0 ? Verdict::holds : Verdict::inconclusive;  // NaN: an infinite standard error
}

double chance_quantile(double comparisons, double degrees) {
  const double chance = sign_mean_tail(std::numeric_limits<double>::infinity(), 3) / std::max(1.0, comparisons);
  double low = 1, high = 2;
  while (sign_mean_tail(degrees, high) > chance) high *= 2;
  for (int i = 0; i < 100; ++i) {
    const double middle = 0.5 * (low + high);
    (sign_mean_tail(degrees, middle) > chance ? low : high) = middle;
  }
  return high;
}

Claim over_comparisons(Claim claim, const std::vector<Comparison>& comparisons) {
  TERSEGRAD_ASSERT(!comparisons.empty(), "'", claim.text, "' has nothing to compare");
  const auto count = static_cast<double>(comparisons.size());
  const double gaussian = chance_quantile(count);
  // Order of what is shown: failing first, then undecided, then the nearest to failing.
  const auto rank = [](const Claim& one) {
    const Margins by = margins(one);
    const auto verdict = one.verdict();
    const double scale = one.error > 0                        ? one.error
                         : one.allowance + one.resolution > 0 ? one.allowance + one.resolution
                                                              : 1;
    if (verdict == Verdict::fails) return std::pair(2, by.failing / scale);
    if (verdict == Verdict::inconclusive) return std::pair(1, std::isnan(by.undecided) ? HUGE_VAL : by.undecided);
    return std::pair(0, by.failing / scale);
  };
  Claim shown;
  std::string where;
  std::optional<std::pair<int, double>> highest;
  for (const auto& look : comparisons) {
    Claim one = claim;
    one.measured = look.measured;
    one.error = look.error;
    one.allowance = look.allowance;
    one.resolution = look.resolution;
    one.z = std::isfinite(look.degrees) ? chance_quantile(count, look.degrees) : gaussian;
    const auto at = rank(one);
    if (highest.has_value() && at <= *highest) continue;
    highest = at;
    shown = one;
    where = look.where;
  }
  if (!where.empty()) shown.text += concat(" (shown: ", where, ")");
  return shown;
}

Estimate estimate(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  const double mean = sum / n;
  if (!std::isfinite(mean)) return {mean, 0, std::max(1.0, n - 1)};
  for (const double value : values) squares += (value - mean) * (value - mean);
  if (n < 2) return {mean, 0};
  return {mean, std::sqrt(squares / (n * (n - 1))), n - 1};
}

Estimate difference(const Estimate& a, const Estimate& b) {
  const double u = a.error * a.error, v = b.error * b.error;
  const double degrees =
      u + v > 0 ? (u + v) * (u + v) / (u * u / a.degrees + v * v / b.degrees) : std::numeric_limits<double>::infinity();
  return {a.mean - b.mean, std::sqrt(u + v), degrees};
}

Claim rising_claim(Claim claim, const std::vector<Estimate>& levels, const std::vector<std::string>& names) {
  std::vector<Comparison> comparisons;
  for (std::size_t i = 1; i < levels.size(); ++i) {
    if (std::isinf(levels[i].mean) && std::isinf(levels[i - 1].mean)) continue;  // both diverged: no order to see
    const Estimate rise = difference(levels[i], levels[i - 1]);
    comparisons.push_back({rise.mean, rise.error, 0, 0, rise.degrees, concat(names[i], " less ", names[i - 1])});
  }
  claim.predicted = 0;
  claim.relation = ">=";
  return over_comparisons(std::move(claim), comparisons);
}

}  // namespace tersegrad
