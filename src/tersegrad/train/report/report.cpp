#include "tersegrad/train/report/report.hpp"

#include <cmath>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/terminal/table.hpp"
#include "tersegrad/core/text/digits.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/train/report/projection.hpp"

namespace tersegrad {
namespace {

std::string bytes_table(const RunResult& r) {
  const double up = r.uplink_bytes_per_step(), down = r.downlink_bytes_per_step(), dense = r.dense_bytes_per_step();
  const double allreduce = wire_load(r).dense_allreduce;
  TextTable table({"bytes per agent and step", "this run", "dense star", "fewer than star", "dense all-reduce",
                   "fewer than all-reduce"});
  // An all-reduce sends as much as it receives.
  table.add({"uplink", format_bytes(up), format_bytes(dense), format_fewer(dense / up), format_bytes(allreduce),
             format_fewer(allreduce / up)});
  table.add({"downlink", format_bytes(down), format_bytes(dense), format_fewer(dense / down), format_bytes(allreduce),
             format_fewer(allreduce / down)});
  table.add({"both", format_bytes(up + down), format_bytes(2 * dense), format_fewer(2 * dense / (up + down)),
             format_bytes(2 * allreduce), format_fewer(2 * allreduce / (up + down))});
  return table.str();
}

/// Where a compressor has several parts: what each of them sends.
std::string parts_table(const RunResult& r) {
  if (r.traffic_of_parts.size() < 2) return "";
  const double per = static_cast<double>(r.agents) * static_cast<double>(r.steps);
  TextTable table({"of them by rule", "uplink", "downlink", "share of both"});
  const auto both = static_cast<double>(r.traffic.uplink.total() + r.traffic.downlink.total());
  for (std::size_t i = 0; i < r.traffic_of_parts.size(); ++i) {
    const auto up = static_cast<double>(r.traffic_of_parts[i].uplink.total());
    const auto down = static_cast<double>(r.traffic_of_parts[i].downlink.total());
    table.add({r.parts.at(i), format_bytes(up / per), format_bytes(down / per),
               both > 0 ? format_number(100 * (up + down) / both, 3) + " %" : "-"});
  }
  return table.str() + "\n";
}

/// Beside what was counted: what the hosts' interfaces saw.
std::string links_table(const RunResult& r) {
  if (!r.links) return "";
  const double per = static_cast<double>(r.agents) * static_cast<double>(r.steps);
  TextTable table(
      {"on the agents' links, per agent and step", "counted", "measured", "of it TCP/IP", "rest over counted"});
  const auto row = [&](const std::string& name, double counted, double rest, std::int64_t bytes) {
    const double measured = static_cast<double>(bytes) / per;
    // Hosts of which nothing but the laboratory's own leaves: the ranks are all on one.
    table.add({name, format_bytes(counted), format_bytes(measured),
               measured > 0 ? format_number(100 * (1 - rest / measured), 3) + " %" : "-",
               counted > 0 ? format_number(100 * (rest / counted - 1), 3) + " %" : "-"});
  };
  row("sent", r.link_sent_bytes_per_step(), r.measured_uplink_bytes_per_step(), r.links->measured.sent_bytes);
  row("received", r.link_received_bytes_per_step(), r.measured_downlink_bytes_per_step(),
      r.links->measured.received_bytes);
  return table.str() + "\n";
}

std::string time_table(const RunResult& r) {
  TextTable table({"time per step", "compute", "compress", "exchange", "apply", "step"});
  const auto steps = static_cast<double>(r.steps);
  const auto t = r.time / steps;
  table.add({"mean over agents' ranks", format_duration(t.compute), format_duration(t.compress),
             format_duration(t.exchange), format_duration(t.apply), format_duration(r.total_s / steps)});
  return table.str();
}

std::string projection_table(const RunResult& r) {
  const auto load = wire_load(r);
  const double with = local_step_s(r), without = with - r.time.compress / static_cast<double>(r.steps);
  // Two digits: what a step computes is known no better, and a rate is a round number.
  TextTable table({"expected step time, compute + network", "100 Mbit/s", "1 Gbit/s", "10 Gbit/s", "100 Gbit/s"});
  const auto row = [&](const std::string& name, double local, double bytes) {
    std::vector<std::string> cells{name};
    for (const double rate : {1e8, 1e9, 1e10, 1e11})
      cells.push_back(format_estimate(projected_step_s(local, bytes, rate)));
    table.add(std::move(cells));
  };
  row(r.has_server ? "this run (busiest link: the server's)" : "this run", with, load.this_run);
  row("dense star", without, load.dense_star);
  row("dense all-reduce", without, load.dense_allreduce);
  return table.str();
}

/// Whether compression pays: on which links, and on this one.
std::string verdict(const RunResult& r) {
  const double rate = break_even_bits_per_s(r);
  if (rate == 0)
    return "Against a dense all-reduce this run saves no bytes on its busiest link: compression does not pay.\n";
  if (std::isinf(rate)) return "Against a dense all-reduce this run is faster on any link.\n";
  // Bytes are exact, the time that compression took is not: runs of one configuration differ by a tenth and more.
  std::string text = concat("Against a dense all-reduce it pays on links slower than about ", format_rate(rate, 1),
                            " (break-even of compression time and bytes).\n");
  if (r.link.bits_per_s > 0) {
    text += concat("The link between rank 0 and rank ", r.processes - 1, " carried ", format_rate(r.link.bits_per_s, 2),
                   " as the run started: ");
    text += r.link.bits_per_s < 0.8 * rate    ? "there it pays.\n"
            : r.link.bits_per_s < 1.25 * rate ? "there it makes little difference.\n"
                                              : "there it does not pay; --compressor none --exchange allreduce is faster.\n";
  }
  return text;
}

}  // namespace

std::string outcome(const RunResult& r) {
  std::string text = concat(r.steps, " steps in ", format_duration(r.total_s), ": loss ", format_number(r.loss_first),
                            " → ", format_number(r.loss_last));
  if (std::isfinite(r.test.accuracy)) text += concat(", test accuracy ", format_number(r.test.accuracy));
  if (std::isfinite(r.test.accuracy) && r.test_rows.is_part())
    text += concat(" on ", r.test_rows.count, " of ", r.test_rows.all, " test rows (--eval-samples)");
  if (r.diverged) text += " (DIVERGED, stopped early)";
  if (r.interrupted) text += r.unevaluated ? " (interrupted in the evaluation)" : " (interrupted)";
  if (r.nonfinite_steps > 0) text += concat(", ", r.nonfinite_steps, " steps with non-finite gradients");
  return text + "\n";
}

std::string resumable_end(const RunResult& r) {
  if (r.unstarted)
    return "Stopped by a signal before the first step: nothing has changed; to go on, give the same command again\n";
  if (r.unevaluated)
    return concat("Stopped by a signal in the evaluation after the last step; to make that: train --resume ",
                  r.config.out.string(), "\n");
  return concat("Stopped by a signal behind step ", r.steps, " of ", r.config.steps,
                ", with a checkpoint; to go on: train --resume ", r.config.out.string(), "\n");
}

std::string savings_report(const RunResult& r) {
  std::string text =
      concat(r.config.model, " on ", r.config.dataset, ": d = ", r.parameters, ", ", r.agents, " agents on ",
             r.processes - (r.has_server ? 1 : 0), " ranks", r.has_server ? " and a server" : "", ", ", r.compressor,
             ", exchange ", r.config.exchange, "\n");
  text += outcome(r) + "\n" + bytes_table(r) + "\n" + parts_table(r) + links_table(r) + time_table(r) + "\n" + projection_table(r);
  if (r.agents > 1 && r.compressor != "none") text += verdict(r);
  return text;
}

}  // namespace tersegrad
