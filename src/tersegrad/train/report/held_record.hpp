// The record of a step that waits for its evaluation.
#pragma once

#include <span>
#include <vector>

#include "tersegrad/train/objectives/objective.hpp"
#include "tersegrad/train/report/recorder.hpp"

namespace tersegrad {

/// Between a step that is to be evaluated and its record in the log: the record is made, its test figures are not. A
/// checkpoint that is taken meanwhile keeps it, so that a run which goes on from there evaluates and logs it as the run
/// before would have. One at a time; every rank has one in hand, or none has.
class HeldRecord {
 public:
  /// \param log null on ranks other than 0
  HeldRecord(const Communicator& comm, const AgentMap& map, Objective& objective, Recorder& recorder, Log* log);

  /// Takes the record of a step in hand, after all that the recorder has. Collective.
  void hold(const StepRecord& record);
  /// Takes in hand what a checkpoint held, with or without its figures. Collective. \param values on rank 0; may be none
  void take_up(std::vector<double> values);

  bool held() const { return held_; }
  /// As the log would have it; for checkpoints. On rank 0.
  std::span<const double> values() const { return values_; }
  /// Whether it has its test figures: those that it was taken up with.
  bool has_figures() const { return has_figures_; }

  /// Evaluates, unless it has the figures, and logs it. Collective. \return false where a signal ended the evaluation: it
  /// is held on
  bool evaluate();
  /// Logs it as it is.
  void release();
  /// The figures of the last one that was logged; on rank 0, and where it was evaluated on all ranks.
  const Evaluation& test() const { return test_; }

 private:
  void write();

  const Communicator& comm_;
  const AgentMap& map_;
  Objective& objective_;
  Recorder& recorder_;
  Log* log_;
  std::size_t loss_, accuracy_;  // their columns
  bool held_ = false, has_figures_ = false;
  std::vector<double> values_;
  Evaluation test_;
};

}  // namespace tersegrad
