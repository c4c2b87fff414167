#include "apps/reproduce/figure.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/statistics.hpp"
#include "tersegrad/log/read/subprocess_reader.hpp"

namespace tersegrad {

RunRecord::RunRecord(const std::filesystem::path& folder) {
  RunData run = read_in_subprocess(folder);
  series_ = std::move(run.series);
  iteration_ = series("step");
  for (double& step : iteration_) step -= 1;
  const LogField* diverged = find_field(run.summary, "diverged");
  diverged_ = diverged != nullptr && std::get<bool>(diverged->value);
  const LogField* replicas = find_field(run.configuration, "replicas");
  if (replicas != nullptr) replicas_ = static_cast<double>(std::get<std::int64_t>(replicas->value));
}

const std::vector<double>& RunRecord::series(const std::string& name) const {
  const auto found = series_.find(name);
  TERSEGRAD_ASSERT(found != series_.end(), "the run has no series '", name, "'");
  return found->second;
}

std::vector<double> RunRecord::loss_error() const {
  if (!has("loss_sd")) return std::vector<double>(iteration_.size(), 0.0);
  std::vector<double> error = series("loss_sd");
  for (std::size_t i = 0; i < error.size(); ++i) {
    error[i] /= std::sqrt(std::max(1.0, replicas_ - series("diverged_replicas")[i]));
  }
  return error;
}

const RunRecord& FigureReport::run(const std::string& name) {
  const auto found = runs_.find(name);
  if (found != runs_.end()) return found->second;
  return runs_.emplace(name, RunRecord(folder_ / "runs" / name)).first->second;
}

Panel& FigureReport::add_panel(const std::string& title, const std::string& x_label, const std::string& y_label) {
  panels_.push_back(std::make_unique<Panel>());
  Panel& panel = *panels_.back();
  panel.title = title;
  panel.x_label = x_label;
  panel.y_label = y_label;
  return panel;
}

TrainConfig figure_config(const std::string& model, const std::string& dataset, const std::string& compressor, const std::string& noise,
                          std::int64_t agents, double lr, std::int64_t steps) {
  TrainConfig config;
  config.model = model;
  config.dataset = dataset;
  config.batch = 0;
  config.exchange = "allgather";
  config.compressor = compressor;
  config.noise = noise;
  config.agents = agents;
  config.lr = lr;
  config.steps = steps;
  config.log_every = std::max<std::int64_t>(1, steps / 200);
  return config;
}

TrainConfig landscape_config(const std::string& landscape, const std::string& compressor, const std::string& noise,
                             std::int64_t agents, double lr, std::int64_t steps, std::int64_t replicas) {
  TrainConfig config = figure_config(landscape, "none", compressor, noise, agents, lr, steps);
  config.replicas = replicas;
  return config;
}

Curve curve_of(const RunRecord& run, const std::string& series, const std::string& label, const std::string& group) {
  return {label, run.iteration(), run.series(series), {}, "line", group};
}

Curve loss_curve(const RunRecord& run, const std::string& label, const std::string& group) {
  Curve curve = curve_of(run, "loss", label, group);
  curve.error = run.loss_error();
  return curve;
}

Curve prediction(const RunRecord& run, const std::function<double(double k)>& f, const std::string& label,
                 const std::string& group) {
  Curve curve{label, run.iteration(), {}, {}, "dashed", group};
  for (const double k : curve.x) curve.y.push_back(f(k));
  return curve;
}

double mean_from(const RunRecord& run, const std::string& series, double from) {
  const auto& values = run.series(series);
  double sum = 0, count = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (run.iteration()[i] < from) continue;
    sum += values[i];
    ++count;
  }
  return sum / count;
}

Estimate late_level(const RunRecord& run, double from, double memory) {
  const double last = run.iteration().back();
  const auto& sd = run.series("loss_sd");
  double spread = 0, count = 0;
  for (std::size_t i = 0; i < sd.size(); ++i) {
    if (run.iteration()[i] < from) continue;
    spread += sd[i];
    ++count;
  }
  const double independent = std::max(1.0, std::min(count, (last - from) / (2 * memory)));
  return {mean_from(run, "loss", from), spread / count / std::sqrt(run.replicas() * independent)};
}

double peak_to_median(const RunRecord& run) {
  std::vector<double> late;
  for (std::size_t i = 0; i < run.iteration().size(); ++i) {
    if (run.iteration()[i] >= run.iteration().back() / 2) late.push_back(run.series("loss")[i]);
  }
  const double peak = *std::max_element(late.begin(), late.end());
  return peak / upper_median(std::move(late));
}

Slope log_slope(const std::vector<double>& x, const std::vector<double>& y, const std::vector<double>& relative_error) {
  const auto n = static_cast<double>(x.size());
  double mean_x = 0, mean_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    mean_x += std::log(x[i]) / n;
    mean_y += std::log(y[i]) / n;
  }
  double xx = 0, xy = 0, variance = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double u = std::log(x[i]) - mean_x;
    xx += u * u;
    xy += u * (std::log(y[i]) - mean_y);
    variance += u * u * relative_error[i] * relative_error[i];
  }
  return {xy / xx, std::sqrt(variance) / xx};
}

}  // namespace tersegrad
