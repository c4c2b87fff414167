// How a run makes its objective.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "tersegrad/train/options/config.hpp"
#include "tersegrad/train/objectives/objective.hpp"

namespace tersegrad {

/// The agents that one rank hosts: [begin, end) of `count`; known once the exchange is.
struct HostedAgents {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint32_t count = 1;
};

/// Makes the objective on each rank; runs inside `collectively`, so it must not communicate.
using ObjectiveFactory = std::function<std::unique_ptr<Objective>(const TrainConfig&, const HostedAgents&)>;

}  // namespace tersegrad
