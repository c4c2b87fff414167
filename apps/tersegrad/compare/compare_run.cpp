#include "apps/tersegrad/compare/compare_run.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/log/read/subprocess_reader.hpp"

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

/// A run's cumulative series, from its log.
class Totals {
 public:
  Totals(RunData& data, const std::vector<double>& step) : data_(data), weights_(record_weights(step)) {}

  /// `name`_total; where the log lacks it (an earlier version's, or a record that one made), estimated from `name`, of
  /// which each record then stands for the steps since the record before. Empty where neither is logged.
  std::vector<double> of(const std::string& name) {
    std::vector<double> totals, estimate;
    if (data_.series.count(name + "_total")) totals = std::move(data_.series[name + "_total"]);
    const bool whole =
        !totals.empty() && std::none_of(totals.begin(), totals.end(), [](double v) { return std::isnan(v); });
    if (whole) return totals;
    estimated_ = estimated_ || data_.series.count(name) > 0;
    if (data_.series.count(name)) estimate = running_sum(data_.series[name], weights_);
    if (totals.empty() || estimate.empty()) return estimate;
    for (std::size_t i = 0; i < totals.size(); ++i) {
      if (std::isnan(totals[i])) totals[i] = estimate[i];
    }
    return totals;
  }
  /// The last of them; NaN where there are none.
  static double end(const std::vector<double>& totals) { return totals.empty() ? not_known : totals.back(); }
  bool estimated() const { return estimated_; }

 private:
  RunData& data_;
  std::vector<double> weights_;
  bool estimated_ = false;
};

}  // namespace

ComparedRun load_compared_run(const std::filesystem::path& path) {
  std::vector<std::string> wanted{"step", "time_s", "loss", "test_accuracy", "step_s_total"};
  for (const std::string name : {"uplink_bytes", "downlink_bytes", "uplink_header_bytes", "downlink_header_bytes",
                                 "compute_s", "compress_s", "exchange_s", "apply_s"}) {
    wanted.insert(wanted.end(), {name, name + "_total"});
  }
  RunData data = read_in_subprocess(path, wanted);
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

  run.configuration = std::move(data.configuration);

  run.step = std::move(data.series["step"]);
  run.loss = std::move(data.series["loss"]);
  run.steps = run.step.back();
  TERSEGRAD_CHECK(std::is_sorted(run.step.begin(), run.step.end()) && run.step.front() >= 0 && std::isfinite(run.steps),
                  "'", data.path.string(), "' is damaged (its steps do not rise)");
  run.steps = std::max(run.steps, 1.0);
  run.loss_first = run.loss.front();
  run.loss_last = run.loss.back();
  if (run.finished && find_field(data.summary, "test_accuracy") != nullptr) {
    run.test_accuracy = number_of(data.summary, "test_accuracy");
  } else if (data.series.count("test_accuracy")) {
    run.test_accuracy = last_finite(data.series["test_accuracy"]);
  }
  run.window = std::max<std::int64_t>(1, static_cast<std::int64_t>(run.steps) / 50);
  run.smoothed = trailing_mean(run.step, run.loss, run.window);

  Totals totals(data, run.step);
  run.traffic = totals.of("uplink_bytes");
  const std::vector<double> down = totals.of("downlink_bytes");
  run.uplink_per_step = run.per_step(Totals::end(run.traffic));
  run.downlink_per_step = run.per_step(Totals::end(down));
  if (down.empty()) run.traffic.clear();
  for (std::size_t i = 0; i < run.traffic.size(); ++i) run.traffic[i] += down[i];
  run.total_bytes = Totals::end(run.traffic);
  run.uplink_header_per_step = run.per_step(Totals::end(totals.of("uplink_header_bytes")));
  run.downlink_header_per_step = run.per_step(Totals::end(totals.of("downlink_header_bytes")));
  run.compute_s = Totals::end(totals.of("compute_s"));
  run.compress_s = Totals::end(totals.of("compress_s"));
  run.exchange_s = Totals::end(totals.of("exchange_s"));
  run.apply_s = Totals::end(totals.of("apply_s"));
  // An earlier version logs the wall clock alone, evaluation included.
  run.time = std::move(data.series[data.series.count("step_s_total") ? "step_s_total" : "time_s"]);
  if (data.series.count("step_s_total") && data.series.count("time_s")) {
    for (std::size_t i = 0; i < run.time.size(); ++i) {
      if (std::isnan(run.time[i])) run.time[i] = data.series["time_s"][i];
    }
  }
  run.time_s = Totals::end(run.time);
  run.estimated = totals.estimated();
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

double ComparedRun::best_loss() const { return smallest(smoothed); }

std::vector<double> trailing_mean(const std::vector<double>& step, const std::vector<double>& values,
                                  std::int64_t window) {
  // Sums of the values that came since `middle`, and, for those before it, from each of them up to it: nothing is ever
  // subtracted, so that a loss that blows up and comes back leaves no rounding behind, and NaN and infinities go no
  // further than their own windows.
  std::vector<double> means(values.size(), not_known), before(values.size());
  std::size_t first = 0, middle = 0;  // the window begins at `first`
  double since = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    since += values[i];
    while (step[first] <= step[i] - static_cast<double>(window)) {
      if (first == middle) {
        double sum = 0;
        for (std::size_t j = i + 1; j-- > middle;) before[j] = sum += values[j];
        middle = i + 1;
        since = 0;
      }
      ++first;
    }
    const double sum = first < middle ? before[first] + since : since;
    const double mean = sum / static_cast<double>(i + 1 - first);
    if (std::isfinite(mean) && step[i] >= static_cast<double>(window)) means[i] = mean;
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

std::string option_text(const ComparedRun& run, const std::string& key) {
  const LogField* field = find_field(run.configuration, key);
  if (field == nullptr) return "";
  if (const auto* text = std::get_if<std::string>(&field->value)) return *text;
  if (const auto* flag = std::get_if<bool>(&field->value)) return *flag ? "on" : "off";
  return format_number(number_of(run.configuration, key), 12);
}

std::vector<std::string> differing_options(const std::vector<ComparedRun>& runs) {
  // Shown anyway, or without a bearing on the steps: where data lie, what is logged, evaluated and kept.
  static const std::set<std::string> others{"compressor", "compressor_resolved", "lr", "batch", "steps", "data", "eval_every",
                                            "eval_samples", "log_every", "noise_report", "checkpoint_every", "keep", "stall_timeout",
                                            "parameters"};
  std::vector<std::string> keys;
  for (const auto& field : runs.front().configuration) {
    // An earlier version's run does not say what did not exist: that is no difference.
    const bool differs = std::any_of(runs.begin(), runs.end(), [&](const ComparedRun& run) {
      return find_field(run.configuration, field.key) != nullptr &&
             option_text(run, field.key) != option_text(runs.front(), field.key);
    });
    if (differs && !others.contains(field.key)) keys.push_back(field.key);
  }
  return keys;
}

}  // namespace tersegrad
