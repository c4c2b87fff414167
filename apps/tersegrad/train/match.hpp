// train --match: hyperparameters chosen so that a run keeps the asymptotic loss of another one.
#pragma once

#include <string>
#include <vector>

#include "tersegrad/theory/laws/scaling.hpp"
#include "tersegrad/train/options/config.hpp"

namespace tersegrad {

/// Solves the paper's scaling rule for N >> 1 (Proposition 3.5, Table 1, Proposition 3.14) for what the user left open,
/// and puts the answer into the configuration.
///
/// What `named` does not list is as in the base run, but for the one that quantity_to_solve() picks. The method of the
/// new run is that of its compressor: none is DSGD, an unbiased one DCSGD, the sign family DSignSGD. With --batch full
/// the batch is --noise-batch.
/// \param base   "method=dsgd,lr=0.1,batch=64,agents=4"; method dcsgd also compressor=randk:0.01 or omega=99
/// \param named  quantities that the user gave by an option
/// \return what was chosen, why, and the rule's limits: lines for the user
/// \throws Error for an unreadable base, a base and a compressor that no rule connects, or a rule without solution
std::string match(TrainConfig& config, const std::string& base, const std::vector<Quantity>& named);

}  // namespace tersegrad
