#include "tersegrad/log/read/run_file.hpp"

#include <algorithm>
#include <limits>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/system/file.hpp"
#include "tersegrad/log/renamed.hpp"

namespace tersegrad {
namespace {

const std::string unit_suffix = ".unit";

/// The attributes of /config or /summary, with each "<key>.unit" folded into its key's field.
LogFields read_fields(const Hdf5File& file, const std::string& group) {
  LogFields fields;
  for (auto& [key, value] : file.attributes(group)) {
    const bool unit = key.ends_with(unit_suffix) && !fields.empty() &&
                      key == fields.back().key + unit_suffix && std::holds_alternative<std::string>(value);
    if (unit) {
      fields.back().unit = std::get<std::string>(value);
    } else {
      fields.push_back({key, std::move(value), ""});
    }
  }
  use_present_names(fields);
  return fields;
}

std::filesystem::path find_file(const std::filesystem::path& run) {
  std::error_code error;
  if (!std::filesystem::is_directory(run, error)) {
    TERSEGRAD_CHECK(std::filesystem::exists(run, error), "no run at '", run.string(), "': ",
                    error ? error.message() : "no such folder or file");
    return run;
  }
  const auto whole = run / "run.h5";
  if (std::filesystem::exists(whole, error)) return whole;
  const auto partial = partial_path(whole);
  TERSEGRAD_CHECK(std::filesystem::exists(partial, error), "no run in '", run.string(),
                  "': it holds no run.h5 and no run.h5.part");
  return partial;
}

}  // namespace

RunFile RunFile::open(const std::filesystem::path& run) {
  const auto path = find_file(run);
  RunFile result(Hdf5File::open(path));
  const Hdf5File& file = result.file_;
  result.path_ = path;
  std::string format;
  for (const auto& [key, value] : file.attributes("/")) {
    if (key == "format" && std::holds_alternative<std::string>(value)) format = std::get<std::string>(value);
  }
  TERSEGRAD_CHECK(format == "tersegrad run" && file.contains("/config") && file.contains("/series"), "'", path.string(),
                  "' is not the file of a run (it lacks the attribute format, /config or /series)");
  result.configuration_ = read_fields(file, "/config");
  result.finished_ = path.extension() != ".part" && file.contains("/summary");
  if (file.contains("/summary")) result.summary_ = read_fields(file, "/summary");

  std::int64_t shortest = std::numeric_limits<std::int64_t>::max(), longest = 0;
  const auto members = file.members("/series");
  result.stored_.insert(members.begin(), members.end());
  for (const auto& name : members) {
    const std::string now = present_name(name);
    if (result.stored_.contains(now)) continue;  // the same data under its earlier name
    SeriesInfo info{now.empty() ? name : now, "", ""};
    for (const auto& [key, value] : file.attributes("/series/" + name)) {
      if (!std::holds_alternative<std::string>(value)) continue;
      if (key == "unit") info.unit = std::get<std::string>(value);
      if (key == "description") info.description = std::get<std::string>(value);
    }
    const DatasetShape shape = file.shape("/series/" + name);
    TERSEGRAD_CHECK(shape.columns == 0, "'", path.string(), "' is damaged (series '", name, "' has two dimensions)");
    shortest = std::min(shortest, shape.rows);
    longest = std::max(longest, shape.rows);
    result.columns_.push_back(std::move(info));
  }
  TERSEGRAD_CHECK(result.has("step"), "'", path.string(), "' is not the file of a run (no series 'step')");
  // A writer that was killed while it appended leaves some series longer than others: the common part counts.
  TERSEGRAD_CHECK(!result.finished_ || shortest == longest, "'", path.string(), "' is damaged (its series have ",
                  shortest, " to ", longest, " records)");
  result.records_ = shortest;
  return result;
}

bool RunFile::has(const std::string& series) const { return !stored_name(series).empty(); }

std::string RunFile::stored_name(const std::string& series) const {
  for (const auto& name : {series, earlier_name(series), present_name(series)}) {
    if (stored_.contains(name)) return name;
  }
  return "";
}

std::vector<double> RunFile::series(const std::string& name, std::int64_t first, std::int64_t count) const {
  const std::string stored = stored_name(name);
  TERSEGRAD_CHECK(!stored.empty(), "'", path_.string(), "' has no series '", name, "'");
  return file_.read<double>("/series/" + stored, first, count < 0 ? records_ - first : count);
}

}  // namespace tersegrad
