#include "tersegrad/train/report/result.hpp"

#include <cmath>

#include "tersegrad/core/hash.hpp"
#include "tersegrad/core/system/plugins.hpp"

namespace tersegrad {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double per_agent_and_step(std::int64_t bytes, const RunResult& result) {
  return static_cast<double>(bytes) / static_cast<double>(result.agents) / static_cast<double>(result.steps);
}

}  // namespace

RunResult::RunResult(const TrainConfig& run, const Compressor& its_compressor, const Noise& its_noise,
                     const Layout& layout, int ranks)
    : config(run), compressor(its_compressor.name()), noise(its_noise.name()), parameters(layout.dim),
      replicas(layout.replicas), agents(run.agents), processes(ranks) {
  const Traits traits = its_compressor.traits();
  if (traits.is_unbiased()) omega = traits.constant;
}

double RunResult::uplink_bytes_per_step() const { return per_agent_and_step(traffic.uplink.total(), *this); }
double RunResult::downlink_bytes_per_step() const { return per_agent_and_step(traffic.downlink.total(), *this); }

double RunResult::link_sent_bytes_per_step() const { return links ? per_agent_and_step(links->sent, *this) : nan; }
double RunResult::link_received_bytes_per_step() const {
  return links ? per_agent_and_step(links->received, *this) : nan;
}
double RunResult::measured_uplink_bytes_per_step() const {
  if (!links) return nan;
  return per_agent_and_step(links->measured.sent_bytes - packet_overhead_bytes * links->measured.sent_packets, *this);
}
double RunResult::measured_downlink_bytes_per_step() const {
  if (!links) return nan;
  return per_agent_and_step(links->measured.received_bytes - packet_overhead_bytes * links->measured.received_packets,
                            *this);
}

LogFields RunResult::compute_fields() const {
  LogFields fields = compute.fields();
  if (!earlier_compute.empty()) fields.push_back({"earlier_compute", earlier_compute});
  return fields;
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
          // The rows that the figures are of; null without figures.
          {"test_rows", std::isnan(test.accuracy) ? LogValue(nan) : LogValue(test_rows.count)},
          {"uplink_header_bytes_per_step", headers(traffic.uplink), "bytes"},
          {"downlink_header_bytes_per_step", headers(traffic.downlink), "bytes"},
          {"memory_peak_bytes", memory_peak_bytes, "bytes"},
          {"memory_peak_rank0_bytes", memory_peak_rank0_bytes, "bytes"},
          {"exchange_buffer_peak_bytes", exchange_buffer_peak_bytes, "bytes"},
          {"parameters_fingerprint", hex(parameters_fingerprint)},
          {"lr", config.lr},
          {"schedule", config.schedule},
          {"warmup", config.warmup},
          {"momentum", config.momentum},
          {"weight_decay", config.weight_decay},
          {"clip_norm", config.clip_norm},
          {"batch", config.batch == 0 ? LogValue(std::string("full")) : LogValue(config.batch)},
          {"noise_batch", config.noise_batch},
          {"sampling", config.sampling},
          {"samples", config.samples},
          {"skew", config.skew}};
  if (link.bits_per_s > 0) {
    fields.push_back({"link_bits_per_s", link.bits_per_s, "bit/s"});
    fields.push_back({"link_latency_s", link.latency_s, "s"});
  }
  if (links) {
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
  // Of a compressor of several parts: which, and what each sends.
  for (std::size_t i = 0; i < traffic_of_parts.size(); ++i) {
    const std::string part = concat("part", i + 1);
    fields.push_back({part, parts.at(i)});
    fields.push_back({"uplink_bytes_per_step_" + part, per_agent_and_step(traffic_of_parts[i].uplink.total(), *this), "bytes"});
    fields.push_back({"downlink_bytes_per_step_" + part, per_agent_and_step(traffic_of_parts[i].downlink.total(), *this), "bytes"});
  }
  const LogFields computed_on = compute_fields();
  fields.insert(fields.end(), computed_on.begin(), computed_on.end());
  if (const std::string used = loaded_plugins_text(); !used.empty()) fields.push_back({"plugins", used});
  return fields;
}

}  // namespace tersegrad
