#include "apps/compare_run.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "tersegrad/core/error.hpp"
#include "tersegrad/log/isolated.hpp"

namespace tersegrad {
namespace {

std::string text_of(const LogFields& fields, const std::string& key) {
  const LogField* field = find_field(fields, key);
  const auto* text = field == nullptr ? nullptr : std::get_if<std::string>(&field->value);
  return text == nullptr ? "" : *text;
}

double number_of(const LogFields& fields, const std::string& key) {
  const LogField* field = find_field(fields, key);
  if (field == nullptr) return not_known;
  if (const auto* whole = std::get_if<std::int64_t>(&field->value)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&field->value)) return *real;
  return not_known;
}

/// How many steps each record stands for: those since the record before it, where not every step is logged.
std::vector<double> record_weights(const std::vector<double>& step) {
  std::vector<double> weights(step.size());
  for (std::size_t i = 0; i < step.size(); ++i) weights[i] = std::max(1.0, i == 0 ? step[0] : step[i] - step[i - 1]);
  return weights;
}

/// Σ value·weight so far; what is not finite counts as zero.
std::vector<double> running_sum(const std::vector<double>& values, const std::vector<double>& weights) {
  std::vector<double> sums(values.size());
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) sum += values[i] * weights[i];
    sums[i] = sum;
  }
  return sums;
}

double last_finite(const std::vector<double>& values) {
  const auto found = std::find_if(values.rbegin(), values.rend(), [](double value) { return std::isfinite(value); });
  return found == values.rend() ? not_known : *found;
}

}  // namespace

ComparedRun load_compared_run(const std::filesystem::path& path) {
  RunData data = read_isolated(path, {"step", "time_s", "loss", "uplink_bytes", "downlink_bytes", "compute_s",
                                      "compress_s", "exchange_s", "apply_s", "test_accuracy"});
  TERSEGRAD_CHECK(data.series.count("loss") != 0, "'", data.path.string(),
                  "' is not the file of a training run (no series 'loss')");
  TERSEGRAD_CHECK(data.records > 0, "'", data.path.string(), "' holds no records", data.finished ? "" : " yet");
  ComparedRun run;
  run.path = data.path;
  run.finished = data.finished;
  const LogField* diverged = find_field(data.summary, "diverged");
  run.diverged =
      diverged != nullptr && std::holds_alternative<bool>(diverged->value) && std::get<bool>(diverged->value);
  run.model = text_of(data.configuration, "model");
  run.dataset = text_of(data.configuration, "dataset");
  run.compressor = text_of(data.configuration, "compressor");
  run.exchange = text_of(data.configuration, "exchange");
  const double agents = number_of(data.configuration, "agents");
  run.agents = std::isfinite(agents) ? static_cast<std::int64_t>(agents) : 0;
  const double replicas = number_of(data.configuration, "replicas");  // of a landscape
  run.dense_per_step = 4 * number_of(data.configuration, "parameters") * (std::isfinite(replicas) ? replicas : 1);

  run.step = std::move(data.series["step"]);
  run.loss = std::move(data.series["loss"]);
  const std::vector<double> weights = record_weights(run.step);
  run.steps = run.step.back();
  TERSEGRAD_CHECK(std::is_sorted(run.step.begin(), run.step.end()) && run.step.front() >= 0 && std::isfinite(run.steps),
                  "'", data.path.string(), "' is damaged (its steps do not rise)");
  run.steps = std::max(run.steps, 1.0);
  run.loss_first = run.loss.front();
  run.loss_last = run.loss.back();
  if (data.series.count("test_accuracy")) run.test_accuracy = last_finite(data.series["test_accuracy"]);
  const auto mean_per_step = [&](const std::string& name) {
    return data.series.count(name) ? running_sum(data.series[name], weights).back() / run.steps : not_known;
  };
  run.uplink_per_step = mean_per_step("uplink_bytes");
  run.downlink_per_step = mean_per_step("downlink_bytes");
  run.compute_s = mean_per_step("compute_s");
  run.compress_s = mean_per_step("compress_s");
  run.exchange_s = mean_per_step("exchange_s");
  run.apply_s = mean_per_step("apply_s");
  if (data.series.count("uplink_bytes") && data.series.count("downlink_bytes")) {
    run.traffic = running_sum(data.series["uplink_bytes"], weights);
    const std::vector<double> down = running_sum(data.series["downlink_bytes"], weights);
    for (std::size_t i = 0; i < down.size(); ++i) run.traffic[i] += down[i];
    run.total_bytes = run.traffic.back();
  }
  if (data.series.count("time_s")) {
    run.time = std::move(data.series["time_s"]);
    run.time_s = run.time.back();
  }
  return run;
}

void name_runs(std::vector<ComparedRun>& runs, const std::vector<std::string>& given) {
  std::map<std::string, int> uses;
  for (auto& run : runs) {
    const auto folder = std::filesystem::absolute(run.path).lexically_normal().parent_path();
    run.name = folder.filename().string();
    ++uses[run.name];
  }
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (uses[runs[i].name] > 1) runs[i].name = given[i];
  }
}

std::vector<double> trailing_mean(const std::vector<double>& values, std::size_t window) {
  // Sums from the ends of blocks of `window` values: nothing is ever subtracted, so that a loss that blows up and
  // comes back leaves no rounding behind, and NaN and infinities go no further than their own windows.
  std::vector<double> means(values.size(), not_known);
  std::vector<double> tail(window + 1, not_known);  // tail[j]: sum of the block before from its j-th value on
  tail[window] = 0;
  for (std::size_t begin = 0; begin < values.size(); begin += window) {
    const std::size_t end = std::min(begin + window, values.size());
    double head = 0;
    for (std::size_t i = begin; i < end; ++i) {
      head += values[i];
      const double mean = (head + tail[i - begin + 1]) / static_cast<double>(window);
      if (std::isfinite(mean)) means[i] = mean;
    }
    if (end - begin < window) break;
    for (std::size_t j = window; j-- > 0;) tail[j] = tail[j + 1] + values[begin + j];
  }
  return means;
}

double smallest(const std::vector<double>& values) {
  double best = not_known;
  for (const double value : values) {
    if (std::isfinite(value) && !(best <= value)) best = value;
  }
  return best;
}

std::size_t first_reaching(const std::vector<double>& values, double limit) {
  return static_cast<std::size_t>(std::find_if(values.begin(), values.end(), [&](double v) { return v <= limit; }) -
                                  values.begin());
}

std::size_t smoothing_window(const std::vector<ComparedRun>& runs) {
  std::size_t fewest = std::numeric_limits<std::size_t>::max();
  for (const auto& run : runs) fewest = std::min(fewest, run.loss.size());
  return std::max<std::size_t>(1, fewest / 50);
}

}  // namespace tersegrad
