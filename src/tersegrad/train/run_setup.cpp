#include "tersegrad/train/run_setup.hpp"

#include <span>

#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/train/checkpoint/resumption.hpp"
#include "tersegrad/train/checkpoint/snapshot.hpp"
#include "tersegrad/train/compute_history.hpp"
#include "tersegrad/train/step/training_step.hpp"

namespace tersegrad {
namespace {

/// Sets the parts back to the checkpoint, and takes up the sums of the run so far.
void restore(const Communicator& comm, RunSetup& setup, CheckpointFile* start) {
  setup.past = restore_snapshot(comm, *setup.parts, start != nullptr ? &start->view : nullptr);
  collectively(comm, [&] {
    if (start != nullptr) setup.held = held_record_of(start->view);
  });
  if (start != nullptr) *start = CheckpointFile();  // its memory
  RunTotals& totals = setup.result;
  totals = setup.past;
  totals.links = {};  // of this process alone until the end, as the time
  totals.time = {};
}

}  // namespace

std::unique_ptr<Log> make_log(const Communicator& comm, const TrainConfig& config) {
  auto log = std::make_unique<Log>(config.sinks.empty() ? Log::default_sinks() : config.sinks);
  return comm.rank() == 0 ? std::move(log) : nullptr;
}

RunSetup set_up_training(const Communicator& comm, const TrainConfig& given, const ObjectiveFactory& make_objective,
                         CheckpointFile* start) {
  RunSetup setup;
  require_same(comm, given.lines(), "the options", "start every rank with the same command");
  std::int64_t resumed = start != nullptr ? 1 : 0;  // on rank 0
  comm.sum(std::span<std::int64_t>(&resumed, 1));
  setup.resumed = resumed > 0;
  collectively(comm, [&] {
    setup.parts = std::make_unique<RunParts>(comm, given, make_objective);
    const RunParts& parts = *setup.parts;
    const TrainConfig& config = parts.config;
    if (config.noise_report > 0) {
      setup.noise_report =
          std::make_unique<NoiseReport>(comm, parts.map(), *parts.agents, parts.objective->layout(), config.seed,
                                        config.batch == 0 ? config.noise_batch : config.batch);
    }
    setup.log = make_log(comm, given);
  });
  RunParts& parts = *setup.parts;
  setup.config = parts.config;
  setup.objective = parts.objective.get();
  setup.map = parts.map();
  RunResult& result = setup.result;
  result = RunResult(setup.config, *parts.compressor, *parts.noise, parts.objective->layout(), comm.size());
  result.has_server = parts.exchange->has_server();
  result.parts = parts.plan->parts();
  setup.differences = compare_compute(comm, parts, result, start);
  // Every replica starts from the same bits, also where the ranks' LibTorch versions differ.
  make_same(comm, bytes_of(parts.objective->parameters()));
  const TestSet* test_set = parts.objective->test_set();
  if (test_set != nullptr && setup.config.eval_every >= 0) result.test_rows = test_set->test_rows();
  if (setup.resumed) restore(comm, setup, start);
  setup.algorithm = std::make_unique<TrainingStep>(parts, setup.past.skips_in_a_row);
  return setup;
}

}  // namespace tersegrad
