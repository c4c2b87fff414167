#include "tersegrad/train/checkpoint/checkpoint_folder.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/system/file_system.hpp"
#include "tersegrad/log/read/held_run.hpp"

namespace tersegrad {

namespace fs = std::filesystem;

fs::path CheckpointFolder::file(std::int64_t step) const { return folder_ / concat("checkpoint-", step); }

std::vector<std::int64_t> CheckpointFolder::steps() const {
  std::vector<std::int64_t> found;
  if (!is_folder(folder_)) return found;
  for (const auto& name : names_in(folder_)) {
    if (const auto step = step_of_checkpoint(name)) found.push_back(*step);
  }
  std::sort(found.begin(), found.end(), std::greater<>());
  return found;
}

void CheckpointFolder::prune(std::int64_t newest, std::int64_t keep) const {
  const auto stays = [](const fs::path& path, const std::string& why) {
    remark_once("prune", concat("old checkpoints stay: cannot remove '", path.string(), "': ", why));
  };
  std::vector<std::int64_t> all;
  try {
    all = steps();
  } catch (const Error& error) {
    return stays(folder_, error.what());
  }
  std::int64_t kept = 0;
  for (const std::int64_t step : all) {
    if (step <= newest && ++kept <= keep) continue;
    // Not a folder, whoever gave it this name.
    if (::unlink(file(step).c_str()) != 0 && errno != ENOENT) stays(file(step), std::strerror(errno));
  }
}

CheckpointFile CheckpointFolder::newest(const std::function<void(const std::string&)>& remark) const {
  const auto all = steps();
  TERSEGRAD_CHECK(!all.empty(), "nothing to resume in '", folder_.parent_path().string(),
                  "': it has no checkpoints (a run writes them with --checkpoint-every)");
  std::string last;
  for (const std::int64_t step : all) {
    try {
      auto checkpoint = read_checkpoint(file(step));
      if (checkpoint.view.step == static_cast<std::uint64_t>(step)) return checkpoint;
      last = concat("'", file(step).string(), "' is of step ", checkpoint.view.step, " (its name says another)");
    } catch (const DamagedCheckpoint& error) {
      last = error.what();
    } catch (const Error& error) {
      throw Error(concat(error.what(), "; try again when it can be read, or move it away",
                         step == all.back() ? "" : " to go on from the checkpoint before it"));
    }
    if (step != all.back()) remark(concat(last, "; going back to the checkpoint before it"));
  }
  throw Error(concat("nothing to resume in '", folder_.parent_path().string(), "': none of its ", all.size(),
                     " checkpoints is sound; ", last));
}

}  // namespace tersegrad
