// A sum over all ranks whose additions happen in one fixed order.
#pragma once

#include <span>

#include "tersegrad/comm/communicator.hpp"

namespace tersegrad {

/// sum[j] = ((0 + a_0[j]) + a_1[j]) + …: over all ranks' addends, in rank order and within a rank in the given
/// order, on every rank. The bits depend on the addends and their order alone, not on how they lie on ranks.
///
/// A pipelined chain: segment by segment the running sum passes the ranks in order, each adding its own, and the
/// last rank's result passes back while later segments still go up. A rank sends and receives at most 2·4n bytes;
/// full-duplex links carry both ways at once. Collective.
/// \param addends this rank's, unaligned fp32 of sum.size() values each; may be none
/// \throws MpiError
void ordered_sum(const Communicator& comm, std::span<const std::byte* const> addends, std::span<float> sum);

/// sum[j] += values[j]; the values may lie at any byte.
void add_values(const std::byte* values, std::span<float> sum);

}  // namespace tersegrad
