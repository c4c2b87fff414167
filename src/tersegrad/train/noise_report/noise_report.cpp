#include "tersegrad/train/noise_report/noise_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "tersegrad/core/random/random.hpp"
#include "tersegrad/core/statistics.hpp"
#include "tersegrad/theory/student/student_constants.hpp"
#include "tersegrad/theory/student/student_groups.hpp"

namespace tersegrad {
namespace {

/// Bounds on the work: (agent, coordinate) pairs, and blocks of draws whose likelihood is evaluated again and again.
constexpr std::int64_t most_pairs = 16384, least_coordinates = 256, most_coordinates = 2048, most_tail_blocks = 2048;
/// A cluster with fewer usable blocks says nothing.
constexpr double least_blocks = 8;
/// The stream of the coordinates' sample; no agent has this number.
constexpr std::uint32_t coordinate_stream = (std::uint32_t{1} << 24) - 1;
constexpr double nan = NoiseMeasurement::nan;

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// Unbiased.
double variance(std::span<const double> values) {
  const double centre = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return sum / static_cast<double>(values.size() - 1);
}

std::int64_t sample_size(std::int64_t total, std::int64_t agents) {
  return std::min(total, std::clamp(most_pairs / agents, least_coordinates, most_coordinates));
}

/// How a block of draws looks.
enum Kind : char { regular, still, irregular };

Kind kind_of(std::span<const double> values) {
  if (is_usable_group(values)) return regular;
  const bool alike = std::all_of(values.begin(), values.end(), [&](double v) { return v == values[0]; });
  return alike ? still : irregular;
}

}  // namespace

/// One entry a block, [agent][coordinate][block]; NaN scale: not regular. And one a pair, [agent][coordinate].
struct NoiseReport::Estimates {
  std::vector<double> location, log_scale;
  std::vector<double> pair_variance;
  std::vector<char> pair_kind;
};

NoiseReport::NoiseReport(const Communicator& comm, const AgentMap& map, const Agents& agents, const Layout& layout,
                         std::uint64_t seed, std::int64_t batch)
    : comm_(comm), map_(map), agents_(agents), layout_(layout), seed_(seed), batch_(static_cast<double>(batch)) {
  const std::int64_t count = map.agents();
  blocks_ = std::max<std::int64_t>(2, (8 + count - 1) / count);
  const std::int64_t tail_sample = std::max<std::int64_t>(32, most_tail_blocks / (count * blocks_));
  tail_stride_ = static_cast<std::size_t>((sample_size(layout.total(), count) + tail_sample - 1) / tail_sample);
}

void NoiseReport::sample_coordinates(std::uint64_t number) {
  // Floyd's sample without replacement.
  Sequence random({.seed = seed_, .purpose = Purpose::estimate, .agent = coordinate_stream, .step = number});
  std::set<std::int64_t> chosen;
  const std::int64_t total = layout_.total(), wanted = sample_size(total, map_.agents());
  for (std::int64_t last = total - wanted; last < total; ++last) {
    const auto drawn = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(last) + 1));
    if (!chosen.insert(drawn).second) chosen.insert(last);
  }
  coordinates_.assign(chosen.begin(), chosen.end());
}

void NoiseReport::draw(std::uint64_t number) {
  const std::size_t hosted = map_.count(comm_.rank()), width = coordinates_.size();
  const auto draws = static_cast<std::size_t>(draws_per_agent());
  draws_.resize(hosted * width * draws);
  std::vector<float> values(width);
  for (std::size_t a = 0; a < hosted; ++a) {
    for (std::size_t b = 0; b < draws; ++b) {
      const std::uint32_t agent = map_.begin(comm_.rank()) + static_cast<std::uint32_t>(a);
      agents_.estimate(agent, number * draws + b, coordinates_, values);
      for (std::size_t j = 0; j < width; ++j) draws_[(a * width + j) * draws + b] = static_cast<double>(values[j]);
    }
  }
  kinds_.resize(hosted * width);
  for (std::size_t pair = 0; pair < kinds_.size(); ++pair) {
    kinds_[pair] = kind_of(std::span(draws_).subspan(pair * draws, draws));
  }
}

bool NoiseReport::in_tail_sample(std::size_t agent, std::size_t coordinate) const {
  return coordinate % tail_stride_ == 0 && kinds_[agent * coordinates_.size() + coordinate] == regular;
}

std::span<const double> NoiseReport::block(std::size_t agent, std::size_t coordinate, std::size_t block) const {
  const auto draws = static_cast<std::size_t>(draws_per_agent());
  constexpr auto length = static_cast<std::size_t>(block_draws);
  return std::span(draws_).subspan((agent * coordinates_.size() + coordinate) * draws + block * length, length);
}

/// Usable blocks of each cluster, (agent, block) in agent order, on every rank.
std::vector<double> NoiseReport::group_counts() const {
  const auto blocks = static_cast<std::size_t>(blocks_);
  std::vector<double> counts(map_.agents() * blocks, 0.0);
  for (std::size_t a = 0; a < map_.count(comm_.rank()); ++a) {
    for (std::size_t r = 0; r < blocks; ++r) {
      double& count = counts[(map_.begin(comm_.rank()) + a) * blocks + r];
      for (std::size_t j = 0; j < coordinates_.size(); ++j) count += in_tail_sample(a, j);
    }
  }
  comm_.sum(counts);  // here and below: one rank's value and zeros, exact in any order
  return counts;
}

void NoiseReport::likelihoods(double nu, std::span<double> out) const {
  const auto blocks = static_cast<std::size_t>(blocks_);
  std::fill(out.begin(), out.end(), 0.0);
  for (std::size_t a = 0; a < map_.count(comm_.rank()); ++a) {
    for (std::size_t r = 0; r < blocks; ++r) {
      double& sum = out[(map_.begin(comm_.rank()) + a) * blocks + r];
      for (std::size_t j = 0; j < coordinates_.size(); ++j) {
        if (in_tail_sample(a, j)) sum += configuration_log_likelihood(block(a, j, r), nu);
      }
    }
  }
  comm_.sum(out);
}

/// Σ log s of each cluster's tail sample if the tail index were ν.
std::vector<double> NoiseReport::log_scales(double nu) const {
  const auto blocks = static_cast<std::size_t>(blocks_);
  std::vector<double> sums(map_.agents() * blocks, 0.0);
  for (std::size_t a = 0; a < map_.count(comm_.rank()); ++a) {
    for (std::size_t r = 0; r < blocks; ++r) {
      double& sum = sums[(map_.begin(comm_.rank()) + a) * blocks + r];
      for (std::size_t j = 0; j < coordinates_.size(); ++j) {
        if (in_tail_sample(a, j)) sum += estimate_group(block(a, j, r), nu).log_scale;
      }
    }
  }
  comm_.sum(sums);
  return sums;
}

/// Location and scale of every block and the sample variance of every pair, gathered on rank 0 in agent order.
NoiseReport::Estimates NoiseReport::estimate(double nu) const {
  const auto blocks = static_cast<std::size_t>(blocks_), draws = static_cast<std::size_t>(draws_per_agent());
  const std::size_t hosted = map_.count(comm_.rank()), width = coordinates_.size();
  std::vector<double> mine;  // a record a pair: variance, kind, then location and log scale of each block
  mine.reserve(hosted * width * (2 + 2 * blocks));
  for (std::size_t a = 0; a < hosted; ++a) {
    for (std::size_t j = 0; j < width; ++j) {
      const auto all = std::span(draws_).subspan((a * width + j) * draws, draws);
      const char kind = kinds_[a * width + j];
      const bool finite = std::all_of(all.begin(), all.end(), [](double v) { return std::isfinite(v); });
      mine.push_back(finite ? variance(all) : std::numeric_limits<double>::infinity());
      mine.push_back(kind);
      for (std::size_t r = 0; r < blocks; ++r) {
        const auto group = kind == regular && !std::isnan(nu) ? estimate_group(block(a, j, r), nu)
                                                              : GroupEstimate{mean(block(a, j, r)), nan};
        mine.push_back(group.location);
        mine.push_back(group.log_scale);
      }
    }
  }
  const std::size_t record = 2 + 2 * blocks;
  const auto pieces = comm_.all_gather_pieces(bytes_of(std::span<const double>(mine)));
  std::vector<double> gathered;
  if (comm_.rank() == 0) {
    gathered.resize(map_.agents() * width * record);
    TERSEGRAD_ASSERT(pieces.bytes.size() == gathered.size() * sizeof(double), "the ranks' noise estimates have ",
                    pieces.bytes.size(), " bytes");
    std::memcpy(gathered.data(), pieces.bytes.data(), pieces.bytes.size());
  }

  Estimates estimates;
  for (std::size_t at = 0; at < gathered.size(); at += record) {
    estimates.pair_variance.push_back(gathered[at]);
    estimates.pair_kind.push_back(static_cast<char>(gathered[at + 1]));
    for (std::size_t r = 0; r < blocks; ++r) {
      estimates.location.push_back(gathered[at + 2 + 2 * r]);
      estimates.log_scale.push_back(gathered[at + 3 + 2 * r]);
    }
  }
  return estimates;
}

/// Everything but the tail index and the interval of σ, on rank 0.
void NoiseReport::summarise(const Estimates& all, NoiseMeasurement& found) const {
  const auto blocks = static_cast<std::size_t>(blocks_);
  const std::size_t agents = map_.agents(), width = coordinates_.size(), pairs = agents * width;
  found.trace = static_cast<double>(layout_.dim) * batch_ * mean(all.pair_variance);
  const auto share_of = [&](Kind kind) {
    return static_cast<double>(std::count(all.pair_kind.begin(), all.pair_kind.end(), kind)) /
           static_cast<double>(pairs);
  };
  found.still = share_of(still);
  found.irregular = share_of(irregular);
  if (std::isnan(found.tail.nu)) return;

  found.psi = student_constants(found.tail.nu).psi;
  std::vector<double> ratios, floors;
  double phases[3] = {0, 0, 0};
  for (std::size_t j = 0; j < width; ++j) {
    double gradient = 0, error = 0;  // ∂_j f, and the variance of its estimate from how an agent's blocks differ
    for (std::size_t a = 0; a < agents; ++a) {
      const auto locations = std::span(all.location).subspan((a * width + j) * blocks, blocks);
      gradient += mean(locations) / static_cast<double>(agents);
      error += variance(locations) / static_cast<double>(blocks * agents * agents);
    }
    for (std::size_t a = 0; a < agents; ++a) {
      const std::size_t pair = a * width + j;
      if (all.pair_kind[pair] != regular) continue;
      const double scale = std::exp(mean(std::span(all.log_scale).subspan(pair * blocks, blocks)));
      // s_ij is the scale at batch B: |∂_j f|/s_ij is √B|∂_j f|/σ_ij.
      const double ratio = std::abs(gradient) / scale;
      ratios.push_back(ratio);
      floors.push_back(0.67448975 * std::sqrt(error) / scale);  // median of |N(0, error)|
      ++phases[ratio > found.psi ? 0 : ratio >= 1 ? 1 : 2];
    }
  }
  const auto counted = static_cast<double>(ratios.size());
  found.phase1 = phases[0] / counted;
  found.phase2 = phases[1] / counted;
  found.phase3 = phases[2] / counted;
  found.snr_median = upper_median(std::move(ratios));
  found.snr_floor = upper_median(std::move(floors));
}

NoiseMeasurement NoiseReport::measure(std::int64_t step) {
  const auto number = static_cast<std::uint64_t>(step - 1);
  sample_coordinates(number);
  draw(number);
  NoiseMeasurement found;
  found.step = step;
  found.coordinates = static_cast<std::int64_t>(coordinates_.size());
  found.draws = draws_per_agent();

  const auto counts = group_counts();
  const std::size_t clusters = counts.size();
  if (*std::min_element(counts.begin(), counts.end()) < least_blocks) {
    summarise(estimate(nan), found);
    return found;
  }
  const ClusterLikelihoods likelihoods = [this](double nu, std::span<double> out) { this->likelihoods(nu, out); };
  const ClusterTail tail = estimate_tail(likelihoods, clusters, NoiseMeasurement::level);
  found.tail = tail.tail;

  // log σ̂ is a mean over clusters of L_c + dL/du·(û − u), and û − u a mean of w_c/curvature: so much of its error as
  // the clusters show. The sampled coordinates are a part of all: the spread of their scales adds its own.
  std::vector<double> scores(clusters);
  cluster_scores(likelihoods, tail.weight, scores);
  constexpr double h = 0.01;
  const double behind = std::max(0.0, tail.weight - h);
  const auto high = log_scales(tail_index(tail.weight + h)), low = log_scales(tail_index(behind));
  double slope = 0;
  for (std::size_t c = 0; c < clusters; ++c) {
    slope += (high[c] - low[c]) / counts[c] / (tail.weight + h - behind) / static_cast<double>(clusters);
  }
  const Estimates all = estimate(found.tail.nu);
  if (comm_.rank() != 0) return found;

  summarise(all, found);
  const auto blocks = static_cast<std::size_t>(blocks_);
  const std::size_t agents = map_.agents(), width = coordinates_.size();
  std::vector<double> level(clusters, 0.0), members(clusters, 0.0), by_coordinate;
  double within = 0;
  for (std::size_t j = 0; j < width; ++j) {
    std::vector<double> scales;
    for (std::size_t a = 0; a < agents; ++a) {
      if (all.pair_kind[a * width + j] != regular) continue;
      for (std::size_t r = 0; r < blocks; ++r) {
        const double value = all.log_scale[(a * width + j) * blocks + r];
        scales.push_back(value);
        level[a * blocks + r] += value;
        ++members[a * blocks + r];
      }
    }
    if (scales.empty()) continue;
    by_coordinate.push_back(mean(scales));
    within += variance(scales) / static_cast<double>(scales.size());
  }
  const auto count = static_cast<double>(by_coordinate.size());
  const double between = by_coordinate.size() < 2 ? 0 : std::max(0.0, variance(by_coordinate) - within / count);
  std::vector<double> influence(clusters);
  for (std::size_t c = 0; c < clusters; ++c) {
    level[c] /= members[c];
    influence[c] = level[c] + slope * scores[c] / tail.curvature;
  }
  const double unsampled = 1 - count / static_cast<double>(layout_.total());
  const double error = std::sqrt(variance(influence) / static_cast<double>(clusters) +
                                 std::max(0.0, unsampled) * between / count);
  const double reach = cluster_quantile(clusters, NoiseMeasurement::level) * error;
  const double log_sigma = mean(level) + 0.5 * std::log(batch_);
  found.sigma = std::exp(log_sigma);
  found.sigma_low = std::exp(log_sigma - reach);
  found.sigma_high = std::exp(log_sigma + reach);
  return found;
}

}  // namespace tersegrad
