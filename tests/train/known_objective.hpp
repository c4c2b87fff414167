// An objective whose gradients a test can write down.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "tersegrad/train/objectives/objective.hpp"

namespace tersegrad::testing {

/// Gradient j of agent a at step k: (a + 1)·(1 + j mod 7)/8 + k; loss a + k. All are whole eighths: sums are exact.
class KnownObjective final : public Objective, public AgentGradients, public FiniteSum {
 public:
  explicit KnownObjective(std::int64_t size) : x_(static_cast<std::size_t>(size), 1.0f), gradient_(x_.size()) {}

  static float value(std::uint32_t agent, std::uint64_t step, std::size_t j) {
    return static_cast<float>(agent + 1) * static_cast<float>(1 + j % 7) / 8 + static_cast<float>(step);
  }
  static std::vector<float> values(std::uint32_t agent, std::uint64_t step, std::size_t size) {
    std::vector<float> all;
    for (std::size_t j = 0; j < size; ++j) all.push_back(value(agent, step, j));
    return all;
  }

  ParameterLayout layout() const override { return {static_cast<std::int64_t>(x_.size()), 1}; }
  std::span<float> parameters() override { return x_; }
  std::span<float> gradient() override { return gradient_; }
  AgentGradients* agent_gradients() override { return this; }
  FiniteSum* finite_sum() override { return this; }
  double agent_gradient(std::uint32_t agent, std::uint64_t step) override {
    for (std::size_t j = 0; j < gradient_.size(); ++j) gradient_[j] = value(agent, step, j);
    if (spoil) spoil(agent, step, gradient_);
    return loss ? loss(agent, step) : static_cast<double>(agent) + static_cast<double>(step);
  }
  /// In parts of 100 from the end, as backward completes layers; the first `unreached` coordinates not at all, and 0.
  double agent_gradient_in_parts(std::uint32_t agent, std::uint64_t step, const GradientReady& ready) override {
    const double batch_loss = agent_gradient(agent, step);
    std::fill_n(gradient_.begin(), unreached, 0.0f);
    for (auto end = static_cast<std::int64_t>(gradient_.size()); end > unreached; end -= 100) {
      ready(std::max(end - 100, unreached), end, batch_loss);
      ++parts_told;
    }
    return batch_loss;
  }
  std::int64_t gradient_chunks() const override { return 1; }
  double add_chunk_gradient(std::int64_t) override {
    const auto values_of_all = values(0, 0, gradient_.size());
    for (std::size_t j = 0; j < gradient_.size(); ++j) gradient_[j] += values_of_all[j];
    return 0.5;
  }

  std::function<void(std::uint32_t agent, std::uint64_t step, std::span<float>)> spoil;  ///< may change a gradient
  std::function<double(std::uint32_t agent, std::uint64_t step)> loss;                   ///< instead of a + k
  std::int64_t unreached = 0;
  int parts_told = 0;

 private:
  std::vector<float> x_, gradient_;
};

}  // namespace tersegrad::testing
