// What the tests of whole runs share.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "tersegrad/comm/mpi/mpi_communicator.hpp"
#include "tersegrad/train/objectives/objective.hpp"

namespace tersegrad {

/// Runs f on the first `ranks` ranks of the world as a communicator of their own; the others wait.
inline void on_ranks(int ranks, const std::function<void(const Communicator&)>& f) {
  const MpiCommunicator world(MPI_COMM_WORLD);
  if (const auto part = world.split(world.rank() < ranks ? 0 : -1)) f(*part);
  world.barrier();
}

inline bool enough_ranks(int ranks) { return MpiCommunicator(MPI_COMM_WORLD).size() >= ranks; }

/// An objective that leaves its parameters behind when the run ends.
class Watched final : public Objective {
 public:
  Watched(std::unique_ptr<Objective> inner, std::vector<float>& out) : inner_(std::move(inner)), out_(out) {}
  ~Watched() override { out_.assign(inner_->parameters().begin(), inner_->parameters().end()); }
  ParameterLayout layout() const override { return inner_->layout(); }
  std::span<float> parameters() override { return inner_->parameters(); }
  std::span<float> gradient() override { return inner_->gradient(); }
  AgentGradients* agent_gradients() override { return inner_->agent_gradients(); }
  FiniteSum* finite_sum() override { return inner_->finite_sum(); }
  ExactGradient* exact_gradient() override { return inner_->exact_gradient(); }
  AgentStatistics* agent_statistics() override { return inner_->agent_statistics(); }
  TestSet* test_set() override { return inner_->test_set(); }
  Observables* observables() override { return inner_->observables(); }

 private:
  std::unique_ptr<Objective> inner_;
  std::vector<float>& out_;
};

}  // namespace tersegrad
