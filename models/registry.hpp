// The networks by name, without LibTorch: enough to list them. Who makes one includes "models/network.hpp".
#pragma once

#include "tersegrad/core/registry.hpp"

namespace tersegrad {

class Network;
struct NetworkShape;

/// `std::unique_ptr<Network>` from the registry; the trainer turns it into a shared_ptr (torch::nn::Module needs one).
using NetworkRegistry = Registry<Network, const NetworkShape&>;

}  // namespace tersegrad
