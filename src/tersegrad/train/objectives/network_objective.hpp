// A network on a data set, its parameters and gradients in two flat buffers.
#pragma once

#include <memory>

#include "tersegrad/data/dataset.hpp"
#include "tersegrad/train/objectives/objective_factory.hpp"

namespace tersegrad {

/// Mean cross-entropy of a classifier over mini-batches of each agent's shard.
///
/// LibTorch's parameters are views of one contiguous float32 buffer and their `.grad` of another: what the
/// compressor reads is what backward wrote. Initial parameters depend on config.init_seed alone.
/// \throws Error for an unknown model or sampling, or more agents than rows
std::unique_ptr<Objective> make_network_objective(const TrainConfig& config, std::shared_ptr<const Dataset> dataset,
                                                  const HostedAgents& agents);

/// LibTorch's (and its BLAS's) threads on this rank, the default floating-point environment for them, and an allocator that keeps what a step frees for the next.
/// Before the first LibTorch computation.
void prepare_compute(int threads);

}  // namespace tersegrad
