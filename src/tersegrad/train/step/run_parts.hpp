// What a run is made of.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tersegrad/comm/exchange/exchange.hpp"
#include "tersegrad/noise/noise.hpp"
#include "tersegrad/train/objectives/objective_factory.hpp"
#include "tersegrad/train/step/agents.hpp"
#include "tersegrad/train/step/bucket_plan.hpp"
#include "tersegrad/train/step/gradient_source.hpp"
#include "tersegrad/train/step/optimizer.hpp"
#include "tersegrad/train/step/schedule.hpp"
#include "tersegrad/train/step/update.hpp"

namespace tersegrad {

/// The parts of a run on one rank, made alike on every rank; what only rank 0 has (folder, log) is not among them.
/// They point at each other, so they stay where they are.
struct RunParts {
  /// Runs inside `collectively`: nothing here communicates. \throws Error for an impossible configuration
  RunParts(const Communicator& comm, const TrainConfig& given, const ObjectiveFactory& make_objective);
  RunParts(const RunParts&) = delete;
  RunParts& operator=(const RunParts&) = delete;

  const AgentMap& map() const { return exchange->map(); }

  TrainConfig config;  ///< with the number of agents resolved, and the exchange's present name
  std::optional<LearningRate> learning_rate;
  std::unique_ptr<Exchange> exchange;
  std::unique_ptr<Objective> objective;
  std::unique_ptr<Noise> noise;
  std::unique_ptr<Compressor> compressor;
  std::unique_ptr<Aggregator> aggregator;
  std::optional<BucketPlan> plan;
  std::vector<Message> aggregates;  ///< of a step, one a bucket: nothing is applied before all are known
  std::unique_ptr<GradientSource> source;
  std::optional<Agents> agents;
  std::optional<Optimizer> optimizer;
  std::optional<Update> update;
  std::string compute_history;  ///< ComputeKind::text() of all ranks, a line for each kind that the run had; on rank 0
};

}  // namespace tersegrad
