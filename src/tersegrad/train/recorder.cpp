#include "tersegrad/train/recorder.hpp"

#include <algorithm>

namespace tersegrad {
namespace {

bool is_test_figure(const SeriesInfo& column) { return column.name == "test_loss" || column.name == "test_accuracy"; }

}  // namespace

std::vector<SeriesInfo> Recorder::columns(bool evaluates) {
  std::vector<SeriesInfo> all{{"step", "", "step, counted from 1"},
          {"time_s", "s", "wall clock since the first step began, evaluation included"},
          {"loss", "", "mean over agents of the loss before the update"},
          {"learning_rate", "", "step size"},
          {"gradient_norm", "", "Euclidean norm of the aggregated update"},
          {"uplink_bytes", "bytes", "sent per agent at this step, headers included"},
          {"downlink_bytes", "bytes", "received per agent at this step, headers included"},
          {"uplink_header_bytes", "bytes", "headers among uplink_bytes"},
          {"downlink_header_bytes", "bytes", "headers among downlink_bytes"},
          {"compute_s", "s", "gradients, mean over hosting ranks"},
          {"compress_s", "s", "noise, encoding, decoding, mean over hosting ranks"},
          {"exchange_s", "s", "messages and waiting, mean over hosting ranks"},
          {"apply_s", "s", "the update, mean over hosting ranks"},
          {"nonfinite_agents", "", "agents whose gradient had inf or NaN"},
          {"test_loss", "", "mean over the test set after the update"},
          {"test_accuracy", "", "share of the test set classified right after the update"}};
  if (!evaluates) std::erase_if(all, is_test_figure);
  return all;
}

Recorder::Recorder(const Communicator& comm, const AgentMap& map, Log* log, bool evaluates)
    : comm_(comm), map_(map), log_(log) {
  const auto all = columns();
  if (!evaluates) test_figures_ = std::find_if(all.begin(), all.end(), is_test_figure) - all.begin();
}

void Recorder::add(const StepRecord& record) {
  held_.push_back(record);
  if (held_.size() == 64) flush();
}

void Recorder::flush() {
  if (held_.empty()) return;
  for (const auto& row : take_rows()) log_->write(row);
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
  std::vector<double> times(4 * held_.size(), 0.0);
  if (map_.is_host(comm_.rank())) {
    for (std::size_t i = 0; i < held_.size(); ++i) {
      const auto& time = held_[i].time;
      times[4 * i] = time.compute;
      times[4 * i + 1] = time.compress;
      times[4 * i + 2] = time.exchange;
      times[4 * i + 3] = time.apply;
    }
  }
  comm_.sum(times);
  if (log_ != nullptr) {
    const double hosts = map_.hosts(), agents = map_.agents();
    const auto per_agent = [&](std::int64_t bytes) { return static_cast<double>(bytes) / agents; };
    for (std::size_t i = 0; i < held_.size(); ++i) {
      const auto& r = held_[i];
      std::vector<double> row{static_cast<double>(r.step), r.time_s, r.loss, r.learning_rate, r.update_norm,
                   per_agent(r.traffic.uplink.total()), per_agent(r.traffic.downlink.total()),
                   per_agent(r.traffic.uplink.header), per_agent(r.traffic.downlink.header), times[4 * i] / hosts,
                   times[4 * i + 1] / hosts, times[4 * i + 2] / hosts, times[4 * i + 3] / hosts,
                   static_cast<double>(r.nonfinite_agents), r.test.loss, r.test.accuracy};
      if (test_figures_ >= 0) row.erase(row.begin() + test_figures_, row.begin() + test_figures_ + 2);
      row.insert(row.end(), r.observed.begin(), r.observed.end());
      row.insert(row.end(), r.noise.begin(), r.noise.end());
      rows.push_back(std::move(row));
    }
  }
  held_.clear();
  return rows;
}

}  // namespace tersegrad
