#include "tersegrad/train/checkpoint/checkpoint_writer.hpp"

#include <chrono>
#include <utility>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/progress.hpp"
#include "tersegrad/core/system/file.hpp"
#include "tersegrad/log/write/output_folder.hpp"

namespace tersegrad {

namespace fs = std::filesystem;

CheckpointWriter::CheckpointWriter(const fs::path& out, std::int64_t keep) : out_(out), folder_(out), keep_(keep) {
  std::error_code error;
  fs::create_directory(folder_.path(), error);
  TERSEGRAD_CHECK(!error, "cannot create the folder '", folder_.path().string(), "': ", error.message());
  flush_folder(out_);
}

CheckpointWriter::~CheckpointWriter() { join(); }

void CheckpointWriter::join() {
  if (thread_.joinable()) thread_.join();
}

bool CheckpointWriter::idle() {
  if (busy_.load(std::memory_order_acquire)) return false;
  wait();
  return true;
}

void CheckpointWriter::wait() {
  for (std::int64_t seen = -1; busy_.load(std::memory_order_acquire);) {
    const std::int64_t advanced = advanced_.load(std::memory_order_relaxed);
    if (std::exchange(seen, advanced) != advanced) tell_progress();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  join();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void CheckpointWriter::start(Snapshot snapshot) {
  wait();
  busy_.store(true, std::memory_order_release);
  thread_ = std::thread([this, snapshot = std::move(snapshot)]() mutable {
    try {
      write(snapshot);
    } catch (...) {
      failure_ = std::current_exception();
    }
    snapshot = Snapshot();  // the memory, before the next one is taken
    busy_.store(false, std::memory_order_release);
  });
}

void CheckpointWriter::write(const Snapshot& snapshot) {
  const auto advance = [this] { advanced_.fetch_add(1, std::memory_order_relaxed); };
  flush_logs(out_, advance);
  const CheckpointView view = snapshot.view();
  const auto step = static_cast<std::int64_t>(view.step);
  write_checkpoint(folder_.file(step), view, advance);
  folder_.prune(step, keep_);
}

}  // namespace tersegrad
