// A sum over all ranks whose additions happen in one fixed order.
#pragma once

#include <span>
#include <vector>

#include "tersegrad/comm/communicator.hpp"

namespace tersegrad {

/// sum[j] = ((0 + a_0[j]) + a_1[j]) + …: over all ranks' addends, in rank order and within a rank in the given
/// order, on every rank. The bits depend on the addends and their order alone, not on how they lie on ranks.
///
/// A pipelined chain: segment by segment the running sum passes the ranks in order, each adding its own, and the
/// last rank's result passes back while later segments still go up. A rank sends and receives at most 2·4n bytes;
/// full-duplex links carry both ways at once. Every rank makes one, with the same tags; several with tags of their
/// own may be under way together.
class OrderedSum {
 public:
  /// \param addends this rank's, unaligned fp32 of sum.size() values each, alive until done; may be none
  OrderedSum(const Communicator& comm, std::vector<const std::byte*> addends, std::span<float> sum, int tag_up,
             int tag_down);
  /// Looks once. \return whether anything moved \throws MpiError
  bool progress();
  bool done() const { return down_ == segments_ && sent_; }

 private:
  std::span<float> part(std::size_t segment) const;
  bool add_next();

  const Communicator& comm_;
  std::vector<const std::byte*> addends_;
  std::span<float> sum_;
  int tag_up_, tag_down_;
  bool first_, last_;
  bool sent_ = false;
  std::size_t segments_;
  std::size_t up_ = 0, asked_ = 0, down_ = 0;  // segments: added here, awaited from above, finished
  std::vector<MPI_Request> up_in_, up_out_, down_in_, down_out_;
};

/// The same, waited for. Collective. \throws MpiError
void ordered_sum(const Communicator& comm, std::span<const std::byte* const> addends, std::span<float> sum);

/// sum[j] += values[j]; the values may lie at any byte.
void add_values(const std::byte* values, std::span<float> sum);

}  // namespace tersegrad
