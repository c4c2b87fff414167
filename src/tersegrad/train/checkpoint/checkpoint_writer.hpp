// Writes checkpoints while training goes on.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <thread>

#include "tersegrad/train/checkpoint/checkpoint_folder.hpp"
#include "tersegrad/train/checkpoint/snapshot.hpp"

namespace tersegrad {

/// One thread that writes one snapshot at a time to a run's folder and removes the oldest beyond `keep`.
class CheckpointWriter {
 public:
  /// Makes the folder of checkpoints. \throws Error if that is impossible
  CheckpointWriter(const std::filesystem::path& out, std::int64_t keep);
  /// Waits for a write under way.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  /// Whether a snapshot can be taken: none is being written. \throws Error of the last write (disk full)
  bool idle();
  /// Starts to write it. The run's logs are flushed to the disk first: a checkpoint never outlives what was logged
  /// before it.
  void start(Snapshot snapshot);
  /// Main thread: a write that gets on is progress to the Watchdog, one that stands still is none.
  /// \throws Error of the last write
  void wait();

 private:
  void write(const Snapshot& snapshot);
  void join();

  std::filesystem::path out_;
  CheckpointFolder folder_;
  std::int64_t keep_;
  std::thread thread_;
  std::atomic<bool> busy_{false};
  std::atomic<std::int64_t> advanced_{0};  // pieces of work done
  std::exception_ptr failure_;  // read after join only
};

}  // namespace tersegrad
