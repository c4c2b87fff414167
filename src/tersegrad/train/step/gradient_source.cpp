#include "tersegrad/train/step/gradient_source.hpp"

#include <algorithm>

namespace tersegrad {
namespace {

class OwnMiniBatches final : public GradientSource {
 public:
  explicit OwnMiniBatches(Objective& objective) : objective_(objective) {}
  double gradient(std::uint32_t agent, std::uint64_t draw) override {
    return objective_.agent_gradients()->agent_gradient(agent, draw);
  }
  void estimation_gradient(std::uint32_t agent, std::uint64_t draw) override {
    objective_.agent_gradients()->estimation_gradient(agent, draw);
  }
  AgentGradients* in_parts() override { return objective_.agent_gradients(); }

 private:
  Objective& objective_;
};

class SharedFullGradient final : public GradientSource {
 public:
  SharedFullGradient(const Communicator& comm, Objective& objective) : objective_(objective), full_(comm, objective) {}
  void begin_step() override { loss_ = full_.compute(); }
  double gradient(std::uint32_t, std::uint64_t) override {
    std::copy(full_.value().begin(), full_.value().end(), objective_.gradient().begin());
    return loss_;
  }
  void estimation_gradient(std::uint32_t agent, std::uint64_t draw) override { gradient(agent, draw); }
  std::span<const float> shared() const override { return full_.value(); }
  std::optional<double> shared_loss() const override { return loss_; }

 private:
  Objective& objective_;
  FullGradient full_;
  double loss_ = 0;
};

}  // namespace

std::unique_ptr<GradientSource> make_gradient_source(const Communicator& comm, Objective& objective, std::int64_t batch) {
  if (batch == 0) return std::make_unique<SharedFullGradient>(comm, objective);
  return std::make_unique<OwnMiniBatches>(objective);
}

}  // namespace tersegrad
