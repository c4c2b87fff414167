// Measures the agents' gradient noise while they train.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tersegrad/comm/exchange/agent_map.hpp"
#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/train/records/noise_measurement.hpp"
#include "tersegrad/train/step/agents.hpp"

namespace tersegrad {

/// The noise of the gradients that the agents would compress at one x, from several independent mini-batches of each
/// agent's own rows (with --batch full: draws of the injected noise).
///
/// Coordinate j of agent i's gradient is taken as m_ij + s_ij·T, T ~ t_ν, with m_ij and s_ij unknown and one ν for all:
/// theory/student_groups.hpp says how ν is found without standardising by estimates, and why its interval holds
/// although the coordinates of one mini-batch depend on each other: a cluster is one block of eight draws of one agent.
/// ∂_j f is the mean over agents of the estimates of m_ij, σ_ij = s_ij √B.
///
/// Every number depends on x, the seed and the step alone: each cluster's sums are formed on the rank that hosts its
/// agent, sums over clusters in agent order. Training goes on as if nothing had happened (Agents::estimate). Cost:
/// draws_per_agent() gradients of each agent, a few 10⁴ values to rank 0, and about a second of arithmetic shared by
/// the ranks; the traffic is the laboratory's, not the algorithm's.
class NoiseReport {
 public:
  /// Draws of one block: enough for a shape (two are spent on location and scale), few enough for many blocks.
  static constexpr std::int64_t block_draws = 8;

  /// \param comm, map, agents outlive this object
  /// \param batch the B that a draw's noise stands for: rows of a mini-batch, or --noise-batch
  NoiseReport(const Communicator& comm, const AgentMap& map, const Agents& agents, const Layout& layout,
              std::uint64_t seed, std::int64_t batch);

  /// Blocks of an agent: two, and more for so few agents that all have less than eight.
  std::int64_t blocks() const { return blocks_; }
  std::int64_t draws_per_agent() const { return blocks_ * block_draws; }

  /// Collective. \param step counted from 1 \return complete on rank 0, elsewhere only in part
  NoiseMeasurement measure(std::int64_t step);

 private:
  struct Estimates;  // of a rank's agents, or of all

  // `number` of the measurement among all that a run might make: its step, from 0.
  void sample_coordinates(std::uint64_t number);
  void draw(std::uint64_t number);
  std::span<const double> block(std::size_t agent, std::size_t coordinate, std::size_t block) const;
  bool in_tail_sample(std::size_t agent, std::size_t coordinate) const;
  std::vector<double> group_counts() const;
  void likelihoods(double nu, std::span<double> out) const;
  std::vector<double> log_scales(double nu) const;
  Estimates estimate(double nu) const;
  void summarise(const Estimates& all, NoiseMeasurement& found) const;

  const Communicator& comm_;
  const AgentMap& map_;
  const Agents& agents_;
  Layout layout_;
  std::uint64_t seed_;
  double batch_;
  std::int64_t blocks_;
  std::size_t tail_stride_;                // every so many-th sampled coordinate serves the tail index
  std::vector<std::int64_t> coordinates_;  // ascending
  std::vector<double> draws_;              // [hosted agent][coordinate][draw]
  std::vector<char> kinds_;                // [hosted agent][coordinate]
};

}  // namespace tersegrad
