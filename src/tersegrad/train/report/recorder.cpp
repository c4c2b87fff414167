#include "tersegrad/train/report/recorder.hpp"

#include <algorithm>
#include <initializer_list>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

bool is_test_figure(const SeriesInfo& column) { return column.name == "test_loss" || column.name == "test_accuracy"; }

}  // namespace

std::vector<SeriesInfo> Recorder::columns(bool evaluates, const std::vector<std::string>& parts) {
  std::vector<SeriesInfo> all{{"step", "", "step, counted from 1"},
          {"time_s", "s", "wall clock since the first step began, evaluation included, mean over hosting ranks"},
          {"loss", "", "mean over agents of the loss before the update"},
          {"learning_rate", "", "step size"},
          {"update_norm", "", "Euclidean norm of the aggregated update (gradient_norm in version 0.1)"},
          {"uplink_bytes", "bytes", "sent per agent at this step, headers included"},
          {"downlink_bytes", "bytes", "received per agent at this step, headers included"},
          {"uplink_header_bytes", "bytes", "headers among uplink_bytes"},
          {"downlink_header_bytes", "bytes", "headers among downlink_bytes"},
          {"compute_s", "s", "gradients and noise, mean over hosting ranks"},
          {"compress_s", "s", "encoding, decoding, mean over hosting ranks"},
          {"exchange_s", "s", "messages and waiting, mean over hosting ranks"},
          {"apply_s", "s", "the update, mean over hosting ranks"},
          {"nonfinite_agents", "", "agents whose gradient had inf or NaN"},
          {"test_loss", "", "mean over the test set after the update"},
          {"test_accuracy", "", "share of the test set classified right after the update"},
          // Of the run so far: whatever is logged, the last record's are what the summary divides.
          {"uplink_bytes_total", "bytes", "sent per agent until here, headers included"},
          {"downlink_bytes_total", "bytes", "received per agent until here, headers included"},
          {"uplink_header_bytes_total", "bytes", "headers among uplink_bytes_total"},
          {"downlink_header_bytes_total", "bytes", "headers among downlink_bytes_total"},
          {"step_s_total", "s", "time_s without evaluation, noise reports and checkpoints"},
          {"compute_s_total", "s", "of step_s_total, gradients and noise"},
          {"compress_s_total", "s", "of step_s_total, encoding, decoding"},
          {"exchange_s_total", "s", "of step_s_total, messages and waiting"},
          {"apply_s_total", "s", "of step_s_total, the updates"}};
  if (!evaluates) std::erase_if(all, is_test_figure);
  for (std::size_t i = 0; parts.size() > 1 && i < parts.size(); ++i) {
    all.push_back({concat("uplink_bytes_part", i + 1), "bytes", concat("of uplink_bytes, those of ", parts[i])});
    all.push_back({concat("downlink_bytes_part", i + 1), "bytes", concat("of downlink_bytes, those of ", parts[i])});
  }
  return all;
}

void Recorder::add(const StepRecord& record) {
  held_.push_back(record);
  if (held_.size() == 64) flush();
}

void Recorder::flush() {
  if (held_.empty()) return;
  const auto rows = take_rows();
  if (log_ == nullptr) return;
  for (const auto& row : rows) log_->write(row);
}

std::vector<double> Recorder::row(const StepRecord& record) {
  flush();
  held_.push_back(record);
  const auto rows = take_rows();
  return rows.empty() ? std::vector<double>() : rows.front();
}

/// Of what is held back, as the log has it: none on ranks other than 0. Collective.
std::vector<std::vector<double>> Recorder::take_rows() {
  std::vector<std::vector<double>> rows;
  // Of each record: the step's own parts, and what the run has taken so far.
  std::vector<Elapsed> times;
  for (const auto& r : held_) {
    times.push_back({0, 0, r.time});
    times.push_back(r.elapsed);
  }
  mean_over_hosts(comm_, map_, times);
  latest_ = times.back();
  latest_ += past_;
  if (log_ != nullptr) {
    const double agents = map_.agents();
    const auto per_agent = [&](std::int64_t bytes) { return static_cast<double>(bytes) / agents; };
    for (std::size_t i = 0; i < held_.size(); ++i) {
      const auto& r = held_[i];
      Elapsed total = times[2 * i + 1];
      total += past_;
      std::vector<double> row{static_cast<double>(r.step), total.wall_s, r.loss, r.learning_rate, r.update_norm};
      const auto add = [&](std::initializer_list<double> values) { row.insert(row.end(), values); };
      const auto add_bytes = [&](const Traffic& traffic) {
        add({per_agent(traffic.uplink.total()), per_agent(traffic.downlink.total()), per_agent(traffic.uplink.header),
             per_agent(traffic.downlink.header)});
      };
      const auto add_parts = [&](const TimeSplit& parts) {
        add({parts.compute, parts.compress, parts.exchange, parts.apply});
      };
      add_bytes(r.traffic);
      add_parts(times[2 * i].parts);
      add({static_cast<double>(r.nonfinite_agents)});
      if (evaluates_) add({r.test.loss, r.test.accuracy});
      add_bytes(r.traffic_total);
      add({total.steps_s});
      add_parts(total.parts);
      for (std::size_t part = 0; r.traffic_of_parts.size() > 1 && part < r.traffic_of_parts.size(); ++part) {
        add({per_agent(r.traffic_of_parts[part].uplink.total()), per_agent(r.traffic_of_parts[part].downlink.total())});
      }
      row.insert(row.end(), r.observed.begin(), r.observed.end());
      row.insert(row.end(), r.noise.begin(), r.noise.end());
      rows.push_back(std::move(row));
    }
  }
  held_.clear();
  return rows;
}

}  // namespace tersegrad
