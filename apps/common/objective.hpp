// What a configuration asks to be minimised.
#pragma once

#include "tersegrad/train/objectives/network_objective.hpp"

namespace tersegrad {

/// Whether --model names a landscape rather than a network.
bool is_landscape(const std::string& model);

/// The landscape, or the network on its data set, of a configuration. \throws Error for an unknown one
std::unique_ptr<Objective> make_objective(const TrainConfig& config, const HostedAgents& agents);

}  // namespace tersegrad
