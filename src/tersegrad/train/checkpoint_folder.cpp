#include "tersegrad/train/checkpoint_folder.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view prefix = "checkpoint-";

}  // namespace

fs::path CheckpointFolder::file(std::int64_t step) const { return folder_ / concat(prefix, step); }

std::vector<std::int64_t> CheckpointFolder::steps() const {
  std::vector<std::int64_t> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    std::int64_t step = 0;
    const char* const begin = name.data() + prefix.size();
    const char* const end_of_name = name.data() + name.size();
    const auto read = std::from_chars(begin, end_of_name, step);
    if (read.ec == std::errc() && read.ptr == end_of_name && step >= 1) found.push_back(step);
  }
  std::sort(found.begin(), found.end(), std::greater<>());
  return found;
}

void CheckpointFolder::prune(std::int64_t newest, std::int64_t keep) const {
  std::int64_t kept = 0;
  for (const std::int64_t step : steps()) {
    if (step <= newest && ++kept <= keep) continue;
    std::error_code error;
    fs::remove(file(step), error);
    TERSEGRAD_CHECK(!error, "cannot remove '", file(step).string(), "': ", error.message());
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
      TERSEGRAD_CHECK(checkpoint.view.step == static_cast<std::uint64_t>(step), "'", file(step).string(),
                      "' is of step ", checkpoint.view.step, " (its name says another)");
      return checkpoint;
    } catch (const Error& error) {
      last = error.what();
      if (step != all.back()) remark(concat(last, "; going back to the checkpoint before it"));
    }
  }
  throw Error(concat("nothing to resume in '", folder_.parent_path().string(), "': none of its ", all.size(),
                     " checkpoints is sound; ", last));
}

}  // namespace tersegrad
