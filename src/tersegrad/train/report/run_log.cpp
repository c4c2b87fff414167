#include "tersegrad/train/report/run_log.hpp"

#include <cstdio>

#include "tersegrad/core/system/plugins.hpp"
#include "tersegrad/train/report/recorder.hpp"

namespace tersegrad {

std::optional<std::vector<double>> begin_run_log(Log& log, std::optional<OutputFolder>& folder, const RunResult& run,
                                                 const std::vector<SeriesInfo>& observables, const LogPast& past) {
  const TrainConfig& config = run.config;
  const ExistingRun existing = past.step > 0                  ? ExistingRun::resume
                               : config.overwrite_checkpoints ? ExistingRun::overwrite_checkpoints
                               : config.overwrite             ? ExistingRun::overwrite
                                                              : ExistingRun::refuse;
  if (!config.out.empty()) folder.emplace(config.out, existing);
  RunInfo info;
  info.folder = config.out;
  info.configuration = config.describe();
  info.configuration.push_back({"parameters", run.parameters, ""});
  info.configuration.push_back({"compressor_resolved", run.compressor, ""});
  info.configuration.push_back({"processes", run.processes, ""});
  const LogFields computed_on = run.compute_fields();
  info.configuration.insert(info.configuration.end(), computed_on.begin(), computed_on.end());
  if (const std::string used = loaded_plugins_text(); !used.empty()) info.configuration.push_back({"plugins", used, ""});
  info.columns = Recorder::columns(run.evaluates(), run.parts);
  info.columns.insert(info.columns.end(), observables.begin(), observables.end());
  info.steps = config.steps;
  // Without a sink of files there is no log to go on with.
  const PastLog previous = past.step > 0 && folder ? folder->previous_log() : PastLog();
  std::optional<PastRecords> records;
  if (!previous.empty()) records = PastRecords::find(previous, info.columns, past);
  log.begin(info);
  if (!records) return std::nullopt;
  if (!records->remark().empty()) std::fprintf(stderr, "tersegrad: %s\n", records->remark().c_str());
  log.replay(*records);
  auto following = past.held ? records->following() : std::nullopt;
  folder->discard_previous_log();
  return following;
}

}  // namespace tersegrad
