#include "tersegrad/train/run_files.hpp"

#include <utility>
#include <vector>

#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/train/report/recorder.hpp"
#include "tersegrad/train/report/run_log.hpp"

namespace tersegrad {

RunFiles::RunFiles(RunSetup& setup) : log_(std::move(setup.log)) {
  const TrainConfig& config = setup.config;
  std::vector<SeriesInfo> series;
  if (const Observables* observables = setup.objective->observables()) series = observables->series();
  observables_ = series.size();
  if (setup.noise_report) {
    const auto columns = NoiseMeasurement::columns();
    series.insert(series.end(), columns.begin(), columns.end());
  }
  const bool evaluates = setup.result.evaluates();
  const std::size_t columns = Recorder::columns(evaluates, setup.result.parts).size() + series.size();
  TERSEGRAD_CHECK(setup.held.empty() || (setup.held.size() == columns && evaluates), "a checkpoint's record has ",
                  setup.held.size(), " values (this program's have ", columns, ")");
  auto logged = begin_run_log(*log_, folder_, setup.result, series,
                              {setup.past.steps, setup.past.records, !setup.held.empty()});
  if (logged) setup.held = std::move(*logged);
  if (config.checkpoints()) checkpoints_.emplace(config, setup.past.steps);
}

bool RunFiles::checkpoint_due(std::int64_t step) {
  // While one is being written, one that is due by the clock can wait; one that is asked for by its step is taken there.
  if (!checkpoints_ || !checkpoints_->schedule.due(step) || step >= checkpoints_->last) return false;
  if (!checkpoints_->by_steps && !checkpoints_->writer.idle()) return false;
  checkpoints_->schedule.taken(step);
  return true;
}

std::unique_ptr<RunFiles> open_run_files(const Communicator& comm, RunSetup& setup) {
  std::unique_ptr<RunFiles> files;
  collectively(comm, [&] {
    if (comm.rank() == 0) files = std::make_unique<RunFiles>(setup);
  });
  return files;
}

}  // namespace tersegrad
