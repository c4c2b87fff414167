#include "tersegrad/train/trainer.hpp"

#include "tersegrad/comm/monitor/stop_signal.hpp"
#include "tersegrad/comm/monitor/watchdog.hpp"
#include "tersegrad/train/run.hpp"
#include "tersegrad/train/run_setup.hpp"

namespace tersegrad {

RunResult train(const Communicator& comm, const TrainConfig& config, const ObjectiveFactory& make_objective,
                CheckpointFile* start) {
  const StopSignal signals;
  const Watchdog watchdog(comm, config.stall_timeout);
  RunSetup setup = set_up_training(comm, config, make_objective, start);
  return run_to_end(comm, setup);
}

}  // namespace tersegrad
