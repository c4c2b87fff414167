#include "tersegrad/data/readers/locate.hpp"

#include <algorithm>

#include "tersegrad/core/error.hpp"
#include "tersegrad/data/readers/folder.hpp"

namespace tersegrad {
namespace {

/// True unless the system is sure that nothing is there: what cannot be looked at is better opened, for the reason.
bool may_exist(const std::filesystem::path& path) {
  std::error_code reason;
  return std::filesystem::status(path, reason).type() != std::filesystem::file_type::not_found;
}

/// Empty if no variant of the file is in the folder.
std::filesystem::path find_file(const std::filesystem::path& folder, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    for (const char* ending : {"", ".gz"}) {
      if (const auto path = folder / (name + ending); may_exist(path)) return path;
    }
  }
  return {};
}

std::vector<std::filesystem::path> folders_of(const DataSource& source, const DataFiles& wanted) {
  std::string underscored = wanted.dataset;
  std::replace(underscored.begin(), underscored.end(), '-', '_');
  std::vector<std::filesystem::path> folders{source.folder / wanted.dataset};
  if (underscored != wanted.dataset) folders.push_back(source.folder / underscored);
  for (const auto& folder : wanted.folders) folders.push_back(source.folder / folder);
  folders.push_back(source.folder);
  return folders;
}

std::string quoted_for_shell(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

/// What is run without --to fills the folder that is looked into without --data, wherever it is run.
std::string get_data_command(const DataSource& source, const std::string& dataset) {
  std::string command = "launch/get-data " + dataset;
  std::error_code none;
  const auto folder = std::filesystem::absolute(source.folder, none).lexically_normal();
  if (!source.folder.empty() && folder != default_data_folder())
    command += " --to " + quoted_for_shell(folder.string());
  return command;
}

}  // namespace

std::vector<std::filesystem::path> find_data_files(const DataSource& source, const DataFiles& wanted) {
  const auto folders = folders_of(source, wanted);
  std::string missing = wanted.files.front().front();
  std::filesystem::path best_folder;
  std::size_t best = 0;
  for (const auto& folder : folders) {
    std::vector<std::filesystem::path> found;
    std::string first_missing;
    for (const auto& names : wanted.files) {
      auto path = find_file(folder, names);
      if (path.empty() && first_missing.empty()) first_missing = names.front();
      if (!path.empty()) found.push_back(std::move(path));
    }
    if (found.size() == wanted.files.size()) return found;
    if (found.size() > best) {
      best = found.size();
      best_folder = folder;
      missing = first_missing;
    }
  }
  const std::string command = wanted.fetched ? get_data_command(source, wanted.dataset) : "";
  TERSEGRAD_CHECK(best == 0, "cannot find '", missing, "' of data set '", wanted.dataset, "' (plain or .gz) in '",
                  best_folder.string(), "', where ", best, " of its ", wanted.files.size(),
                  " files are; name another folder with --data",
                  wanted.fetched ? concat(", or complete it with: ", command) : "");
  std::vector<std::string> looked;
  for (const auto& folder : folders) looked.push_back(concat("'", folder.string(), "'"));
  throw Error(concat("cannot find '", missing, "' of data set '", wanted.dataset, "' (plain or .gz; looked in ",
                     join(looked), "); name its folder with --data",
                     wanted.fetched ? concat(", or get it with: ", command) : ""));
}

std::string download_advice(const DataSource& source, const std::string& dataset) {
  return "download it again with " + get_data_command(source, dataset);
}

}  // namespace tersegrad
