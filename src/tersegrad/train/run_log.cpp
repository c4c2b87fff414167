#include "tersegrad/train/run_log.hpp"

#include "tersegrad/train/network_objective.hpp"
#include "tersegrad/train/recorder.hpp"

namespace tersegrad {

void begin_run_log(Log& log, std::optional<OutputFolder>& folder, const TrainConfig& config, const LogFields& resolved,
                   const std::vector<SeriesInfo>& observables) {
  if (!config.out.empty()) folder.emplace(config.out, config.overwrite ? ExistingRun::overwrite : ExistingRun::refuse);
  RunInfo info;
  info.folder = config.out;
  info.configuration = config.describe();
  info.configuration.insert(info.configuration.end(), resolved.begin(), resolved.end());
  info.configuration.push_back({"libtorch", torch_version(), ""});
  info.columns = Recorder::columns();
  info.columns.insert(info.columns.end(), observables.begin(), observables.end());
  info.steps = config.steps;
  log.begin(info);
}

}  // namespace tersegrad
