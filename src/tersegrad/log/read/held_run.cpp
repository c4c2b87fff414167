#include "tersegrad/log/read/held_run.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <string_view>

#include <nlohmann/json.hpp>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/system/file.hpp"
#include "tersegrad/core/system/file_system.hpp"
#include "tersegrad/log/read/subprocess_reader.hpp"

namespace tersegrad {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::string_view without_part(std::string_view name) {
  if (name.ends_with(".part")) name.remove_suffix(5);
  return name;
}

bool is_checkpoint_file(const std::string& name) {
  return step_of_checkpoint(std::string(without_part(name))).has_value();
}

void add_files(HeldRun& held, const fs::path& folder, bool (*of_a_run)(const std::string&)) {
  for (const auto& name : names_in(folder)) {
    if (!of_a_run(name)) continue;
    const auto path = folder / name;
    std::error_code error;
    const auto type = fs::symlink_status(path, error).type();
    if (type == fs::file_type::not_found) continue;  // it has gone meanwhile
    TERSEGRAD_CHECK(!error, "cannot look at '", path.string(), "': ", error.message());
    TERSEGRAD_CHECK(type != fs::file_type::directory, "'", path.string(),
                    "' is a folder where a run writes a file; move it away, or choose another output folder");
    held.files.push_back(path);
    if (const auto step = step_of_checkpoint(name)) held.checkpoints.push_back(*step);
  }
}

void read_summary(HeldRun& held, const fs::path& path) {
  const Json json = Json::parse(read_file(path), nullptr, false);
  if (!json.is_object() || !json.contains("steps") || !json["steps"].is_number_integer()) return;
  held.summarized = true;
  held.diverged = json.value("diverged", Json(false)) == true;
  held.finished = held.diverged || json.value("interrupted", Json(false)) != true;
  held.steps = json["steps"].get<std::int64_t>();
}

/// A run whose --log has no summary: its run.h5 gets its name, and its summary, at its end. So do metrics.csv and
/// metrics.jsonl of one that has neither: they do not say how many steps it took.
void read_log(HeldRun& held, const fs::path& folder) {
  if (!is_there(folder / "run.h5")) {
    const auto whole = [](const fs::path& file) { return is_run_file(file.filename()) && file.extension() != ".part" && file.extension() != ".previous"; };
    held.finished = held.checkpoints.empty() && std::all_of(held.files.begin(), held.files.end(), whole);
    held.steps = -1;
    return;
  }
  try {
    const RunData run = read_in_subprocess(folder / "run.h5", {});
    const auto field = [&](const char* key) {
      const LogField* const found = find_field(run.summary, key);
      return found == nullptr ? LogValue(false) : found->value;
    };
    held.diverged = field("diverged") == LogValue(true);
    held.finished = run.finished && (held.diverged || field("interrupted") == LogValue(false));
    const LogValue steps = field("steps");
    held.steps = std::holds_alternative<std::int64_t>(steps) ? std::get<std::int64_t>(steps) : -1;
  } catch (const Error&) {  // damaged: there may be something to go on with
  }
}

}  // namespace

std::optional<std::int64_t> step_of_checkpoint(const std::string& name) {
  constexpr std::string_view prefix = "checkpoint-";
  if (!name.starts_with(prefix)) return {};
  std::int64_t step = 0;
  std::from_chars(name.data() + prefix.size(), name.data() + name.size(), step);
  if (step < 1 || concat(prefix, step) != name) return {};
  return step;
}

bool is_run_file(const std::string& name) {
  if (name == "run.h5.previous" || name == "metrics.csv.previous" || name == "run.h5.new") return true;
  const auto rest = without_part(name);
  return rest == "run.h5" || rest == "run.h5.new" || rest == "metrics.csv" || rest == "metrics.jsonl" ||
         rest == "summary.json";
}

HeldRun look_at_run(const fs::path& folder) {
  HeldRun held;
  if (!is_folder(folder)) return held;
  add_files(held, folder, is_run_file);
  const auto checkpoints = folder / "checkpoints";
  if (is_folder(checkpoints)) {
    add_files(held, checkpoints, is_checkpoint_file);
  } else {
    TERSEGRAD_CHECK(!is_there(checkpoints), "'", checkpoints.string(),
                    "' is a file where a run has its folder of checkpoints; move it away, or choose another output folder");
  }
  std::sort(held.files.begin(), held.files.end());
  std::sort(held.checkpoints.begin(), held.checkpoints.end(), std::greater<>());
  if (is_there(folder / "summary.json")) read_summary(held, folder / "summary.json");
  else if (!held.files.empty()) read_log(held, folder);
  return held;
}

}  // namespace tersegrad
