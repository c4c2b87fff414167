#include "tersegrad/train/result.hpp"

#include "tersegrad/comm/downlink.hpp"
#include "tersegrad/core/hash.hpp"

namespace tersegrad {

TimeSplit& TimeSplit::operator+=(const TimeSplit& other) {
  compute += other.compute;
  compress += other.compress;
  exchange += other.exchange;
  apply += other.apply;
  return *this;
}

TimeSplit TimeSplit::operator/(double divisor) const {
  return {compute / divisor, compress / divisor, exchange / divisor, apply / divisor};
}

namespace {

double per_agent_and_step(const DirectionTraffic& traffic, const RunResult& result) {
  return static_cast<double>(traffic.total()) / static_cast<double>(result.agents) / static_cast<double>(result.steps);
}

}  // namespace

RunResult::RunResult(const TrainConfig& run, const Compressor& its_compressor, const Noise& its_noise,
                     const Layout& layout, int ranks)
    : config(run), compressor(its_compressor.name()), noise(its_noise.name()), parameters(layout.dim),
      replicas(layout.replicas), agents(run.agents), processes(ranks) {
  const Traits traits = its_compressor.traits();
  if (traits.kind == Traits::Kind::unbiased) omega = traits.constant;
}

double RunResult::uplink_bytes_per_step() const { return per_agent_and_step(traffic.uplink, *this); }
double RunResult::downlink_bytes_per_step() const { return per_agent_and_step(traffic.downlink, *this); }

double RunResult::link_sent_bytes_per_step() const {
  if (!has_server) return uplink_bytes_per_step() + downlink_bytes_per_step();
  const auto handed_on = static_cast<double>(processes - 1 - copies_from_root(static_cast<int>(processes)));
  return uplink_bytes_per_step() + handed_on * downlink_bytes_per_step() / static_cast<double>(agents);
}

double RunResult::link_received_bytes_per_step() const {
  return downlink_bytes_per_step() + (has_server ? 0 : uplink_bytes_per_step());
}

double RunResult::measured_uplink_bytes_per_step() const {
  if (!measured) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(measured->sent_bytes - packet_overhead_bytes * measured->sent_packets) /
         static_cast<double>(agents) / static_cast<double>(steps);
}

double RunResult::measured_downlink_bytes_per_step() const {
  if (!measured) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(measured->received_bytes - packet_overhead_bytes * measured->received_packets) /
         static_cast<double>(agents) / static_cast<double>(steps);
}

LogFields RunResult::summary() const {
  const double up = uplink_bytes_per_step(), down = downlink_bytes_per_step(), dense = dense_bytes_per_step();
  const auto headers = [&](const DirectionTraffic& traffic) {
    return static_cast<double>(traffic.header) / static_cast<double>(agents) / static_cast<double>(steps);
  };
  LogFields fields{{"model", config.model},
          {"dataset", config.dataset},
          {"parameters", parameters},
          {"agents", agents},
          {"processes", processes},
          {"compressor", compressor},
          {"noise", noise},
          {"exchange", config.exchange},
          {"steps", steps},
          {"seed", static_cast<std::int64_t>(config.seed)},
          {"diverged", diverged},
          {"loss_first", loss_first},
          {"loss_last", loss_last},
          {"test_accuracy", test.accuracy},
          {"uplink_bytes_per_step", up, "bytes"},
          {"downlink_bytes_per_step", down, "bytes"},
          {"dense_bytes_per_step", dense, "bytes"},
          {"savings_uplink", dense / up},
          {"savings_downlink", dense / down},
          {"time_total_s", total_s, "s"},
          {"time_compute_s", time.compute, "s"},
          {"time_compress_s", time.compress, "s"},
          {"time_exchange_s", time.exchange, "s"},
          {"time_apply_s", time.apply, "s"},
          {"nonfinite_steps", nonfinite_steps},
          {"interrupted", interrupted},
          {"replicas", replicas},
          {"test_loss", test.loss},
          {"uplink_header_bytes_per_step", headers(traffic.uplink), "bytes"},
          {"downlink_header_bytes_per_step", headers(traffic.downlink), "bytes"},
          {"memory_peak_bytes", memory_peak_bytes, "bytes"},
          {"memory_peak_rank0_bytes", memory_peak_rank0_bytes, "bytes"},
          {"exchange_buffer_peak_bytes", exchange_buffer_peak_bytes, "bytes"},
          {"parameters_fingerprint", hex(parameters_fingerprint)}};
  if (measured) {
    fields.push_back({"link_sent_bytes_per_step", link_sent_bytes_per_step(), "bytes"});
    fields.push_back({"link_received_bytes_per_step", link_received_bytes_per_step(), "bytes"});
    fields.push_back({"measured_uplink_bytes_per_step", measured_uplink_bytes_per_step(), "bytes"});
    fields.push_back({"measured_downlink_bytes_per_step", measured_downlink_bytes_per_step(), "bytes"});
  }
  if (noise_reports > 0) {
    const auto columns = NoiseMeasurement::columns();
    const auto values = noise_measured.values();
    for (std::size_t c = 0; c < columns.size(); ++c) fields.push_back({columns[c].name, values[c], columns[c].unit});
    fields.push_back({"noise_reports", noise_reports});
  }
  return fields;
}

}  // namespace tersegrad
