#include "apps/reproduce/figures/gap.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/text.hpp"

namespace tersegrad {

MeanSeries mean_series(const RunRecord& run, const std::string& name) {
  MeanSeries mean{run.iteration(), {}, {}, {}};
  const auto& lost = run.series("diverged_replicas");
  if (name == "loss") {
    mean.value = run.series("loss");
    mean.error = run.loss_error();
  } else {
    mean.value = run.series(name + "_mean");
    for (std::size_t i = 0; i < mean.value.size(); ++i) {
      mean.error.push_back(std::sqrt(run.series(name + "_var")[i] / (run.replicas() - lost[i])));
    }
  }
  for (std::size_t i = 0; i < lost.size(); ++i) mean.leaving.push_back(i + 1 < lost.size() && lost[i + 1] > lost[i]);
  return mean;
}

Claim gap_claim(Claim claim, const MeanSeries& algorithm, const MeanSeries& sde, const MeanSeries& half,
                const MeanSeries& half_sde) {
  TERSEGRAD_ASSERT(algorithm.iteration == sde.iteration && half.iteration == half_sde.iteration,
                  "algorithm and SDE have records at different times");
  const auto [least, most] = std::minmax_element(algorithm.value.begin(), algorithm.value.end());
  const double range = *most - *least, largest = std::max(std::abs(*most), std::abs(*least));
  const auto leaves = [](const MeanSeries& mean, std::size_t i) { return i < mean.leaving.size() && mean.leaving[i]; };
  std::vector<Comparison> comparisons;
  for (std::size_t i = 1; i < algorithm.iteration.size(); ++i) {
    const double k = algorithm.iteration[i];
    const auto nearer = [&](double a, double b) { return std::abs(a - 2 * k) < std::abs(b - 2 * k); };
    const auto at = std::min_element(half.iteration.begin(), half.iteration.end(), nearer);
    if (std::abs(*at - 2 * k) > 1) continue;  // the last record is at the last step, whatever log_every
    const auto h = static_cast<std::size_t>(at - half.iteration.begin());
    if (leaves(algorithm, i) || leaves(sde, i) || leaves(half, h) || leaves(half_sde, h)) continue;
    Comparison look;
    look.measured = 2 * (half.value[h] - half_sde.value[h]) - (algorithm.value[i] - sde.value[i]);
    look.error =
        std::hypot(std::hypot(algorithm.error[i], sde.error[i]), 2 * std::hypot(half.error[h], half_sde.error[h]));
    look.allowance = 2 * 2 * 5 * k * std::ldexp(largest, -24);  // both of a pair round; a loss is off twice as much
    look.resolution = range / 4;
    look.where = concat("k = ", k);
    comparisons.push_back(std::move(look));
  }
  claim.relation = "=";
  claim.predicted = 0;
  claim.derivation =
      "2·gap(η/2) − gap(η) at every record; allowance: float's rounding; resolution: a quarter of the mean's range, "
      "half of what an SDE wrong by a half is off by";
  return over_comparisons(std::move(claim), comparisons);
}

}  // namespace tersegrad
