#include "tersegrad/train/run_log.hpp"

#include "tersegrad/core/error.hpp"
#include "tersegrad/train/network_objective.hpp"
#include "tersegrad/train/recorder.hpp"

namespace tersegrad {

void begin_run_log(Log& log, std::optional<OutputFolder>& folder, const TrainConfig& config, const LogFields& resolved,
                   const std::vector<SeriesInfo>& observables, const LogPast& past) {
  const ExistingRun existing = past.step > 0 ? ExistingRun::resume : config.overwrite ? ExistingRun::overwrite : ExistingRun::refuse;
  if (!config.out.empty()) folder.emplace(config.out, existing);
  RunInfo info;
  info.folder = config.out;
  info.configuration = config.describe();
  info.configuration.insert(info.configuration.end(), resolved.begin(), resolved.end());
  info.configuration.push_back({"libtorch", torch_version(), ""});
  info.columns = Recorder::columns();
  info.columns.insert(info.columns.end(), observables.begin(), observables.end());
  info.steps = config.steps;
  log.begin(info);
  if (past.step == 0 || !folder) return;
  // Without a sink of files there is no log to go on with.
  const auto previous = folder->previous_log();
  if (previous.empty()) return;
  const std::int64_t found = log.replay(previous, past.step, past.records);
  TERSEGRAD_CHECK(found == past.records, "the log in '", previous.string(), "' has ", found, " records up to step ", past.step,
                  " (the checkpoint of that step was taken behind ", past.records, ")");
  folder->discard_previous_log();
}

}  // namespace tersegrad
