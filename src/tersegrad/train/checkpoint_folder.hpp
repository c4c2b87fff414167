// The checkpoints of a run: OUT/checkpoints/checkpoint-STEP.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tersegrad/train/checkpoint.hpp"

namespace tersegrad {

/// Names, order and number of a run's checkpoints.
class CheckpointFolder {
 public:
  /// \param out the run's folder
  explicit CheckpointFolder(const std::filesystem::path& out) : folder_(out / "checkpoints") {}

  const std::filesystem::path& path() const { return folder_; }
  std::filesystem::path file(std::int64_t step) const;
  /// Of the checkpoints that are there, newest first; sound or not.
  std::vector<std::int64_t> steps() const;

  /// Leaves `keep` checkpoints up to and including `newest`, and none behind it: those are damaged, or of a run that
  /// was taken back to a step before them.
  void prune(std::int64_t newest, std::int64_t keep) const;

  /// The newest sound checkpoint. \param remark told, in one line each, which ones were passed over and why
  /// \throws Error if there is none
  CheckpointFile newest(const std::function<void(const std::string&)>& remark) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace tersegrad
