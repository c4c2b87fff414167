// The SDE of a run in the place of the run: same objective, same start, same log.
#pragma once

#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/train/options/config.hpp"
#include "tersegrad/train/report/result.hpp"
#include "tersegrad/train/trainer.hpp"

namespace tersegrad {

/// Integrates the SDE that stands for `config` (Theorems 3.2 and 3.6, Corollary C.10) by Euler–Maruyama with
/// Δt = η/config.sde and logs it at t = kη as the algorithm would log step k, so that the two lie side by side.
///
/// The method is the compressor's: none is DSGD; an unbiased one DCSGD with its ω, the errors' correlation that of
/// Rand-k for randk and none otherwise; sign DSignSGD. The noise is --noise at batch --noise-batch, N is --agents
/// (0: 1). ∇f is the objective's, a landscape's or a network's full gradient that the ranks compute together; x is
/// integrated in float64, ∇f(x) taken at x rounded to float32 (the objective's precision). The Brownian path depends on
/// config.seed alone, so every rank integrates the same path and nothing but ∇f is exchanged: bit-identical for any
/// number of ranks. Nothing is compressed or sent: the traffic is 0.
/// Collective. \throws Error where no SDE exists (ν ≤ 2 without sign, other biased compressors) and for options that
/// the SDEs leave out (mini-batches, momentum, weight decay, clipping, schedules)
RunResult simulate_sde(const Communicator& comm, const TrainConfig& config, const ObjectiveFactory& make_objective);

}  // namespace tersegrad
