// The rows of each mini-batch, as a pure function of seed, agent and step.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace tersegrad {

/// How an agent draws mini-batches from its rows.
enum class SamplingMode {
  shuffle,  ///< without replacement: the rows in a new random order every epoch, cut into batches
  iid       ///< with replacement: every row of every batch independently and uniformly
};

/// "shuffle" or "iid". \throws Error for anything else
SamplingMode parse_sampling_mode(std::string_view text);
std::string_view name_of(SamplingMode mode);

/// Draws the mini-batches of one agent. Batches may be asked for in any order, with the same result; in order is
/// fastest. Not for several threads at once.
///
/// shuffle: batch s is positions s·B … s·B + B − 1 of the endless concatenation of epochs, so it may cross into the
/// next epoch, or span several if B exceeds the number of rows; the order of epoch e comes from stream (seed,
/// Purpose::shuffle, agent, e). iid: from stream (seed, Purpose::batch, agent, s).
class BatchSampler {
 public:
  /// \param rows   the agent's rows; at least one
  /// \param batch  B ≥ 1, rows of a mini-batch
  /// \throws Error for no rows or a batch below 1
  BatchSampler(std::vector<std::uint32_t> rows, std::int64_t batch, SamplingMode mode, std::uint64_t seed,
               std::uint32_t agent);

  /// The B rows of batch `step`. \param out overwritten
  /// \throws Error if the epoch leaves the range of a stream's address (2^48)
  void rows(std::uint64_t step, std::vector<std::int64_t>& out);

  /// B rows for an estimate at one x: distributed as a training batch (shuffle: a uniform subset of the agent's rows,
  /// all of them first if B exceeds their number; iid: with replacement), but independent of every training batch and
  /// of every other `draw`: from stream (seed, Purpose::estimate, agent, draw), blocks from 2⁴⁷ on.
  /// \param out overwritten
  void estimation_rows(std::uint64_t draw, std::vector<std::int64_t>& out) const;

  std::int64_t batch() const { return batch_; }
  std::int64_t shard_size() const { return static_cast<std::int64_t>(rows_.size()); }
  /// Passes over the agent's rows that `steps` batches make.
  double epochs(std::uint64_t steps) const;

 private:
  const std::vector<std::uint32_t>& epoch_order(std::uint64_t epoch);

  std::vector<std::uint32_t> rows_;
  std::int64_t batch_;
  SamplingMode mode_;
  std::uint64_t seed_;
  std::uint32_t agent_;
  std::vector<std::uint32_t> order_;  // of epoch_; empty before the first
  std::uint64_t epoch_ = 0;
};

}  // namespace tersegrad
