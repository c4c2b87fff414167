// The checkpoints of a run: OUT/checkpoints/checkpoint-STEP.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tersegrad/train/checkpoint/checkpoint.hpp"

namespace tersegrad {

/// Names, order and number of a run's checkpoints.
class CheckpointFolder {
 public:
  /// \param out the run's folder
  explicit CheckpointFolder(const std::filesystem::path& out) : folder_(out / "checkpoints") {}

  const std::filesystem::path& path() const { return folder_; }
  std::filesystem::path file(std::int64_t step) const;
  /// Of the checkpoints that are there, newest first; sound or not. No folder: none. \throws Error where that cannot be
  /// known: a folder that cannot be read is not empty
  std::vector<std::int64_t> steps() const;

  /// Leaves `keep` checkpoints up to and including `newest`, and none after it: newest() has passed those over as
  /// damaged, or the run was taken back to a step before them. What cannot be removed stays, and a remark says so once.
  void prune(std::int64_t newest, std::int64_t keep) const;

  /// The newest sound checkpoint. \param remark told, in one line each, which damaged ones were passed over
  /// \throws Error if there is none; also for one that cannot be read, or is of another version: it may be sound, and
  /// to go on from the one before would end in its removal
  CheckpointFile newest(const std::function<void(const std::string&)>& remark) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace tersegrad
