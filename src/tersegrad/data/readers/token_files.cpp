#include "tersegrad/data/readers/token_files.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

namespace fs = std::filesystem;

enum class Role { train, validation, test };

constexpr std::pair<std::string_view, Role> role_words[] = {
    {"train", Role::train},           {"training", Role::train},
    {"val", Role::validation},        {"valid", Role::validation},
    {"validation", Role::validation}, {"eval", Role::validation},
    {"dev", Role::validation},        {"test", Role::test},
    {"testing", Role::test}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
/// Bytes beyond ASCII are parts of letters: "é" does not end a word.
bool is_of_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80; }

std::string lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::set<Role> roles_of(std::string_view name) {
  std::set<Role> roles;
  while (!name.empty()) {
    const auto length = static_cast<std::size_t>(std::find_if_not(name.begin(), name.end(), is_of_word) - name.begin());
    std::string_view word = name.substr(0, length);
    while (!word.empty() && is_digit(word.back())) word.remove_suffix(1);
    for (const auto& [known, role] : role_words) {
      if (word == known) roles.insert(role);
    }
    name.remove_prefix(std::min(length + 1, name.size()));
  }
  return roles;
}

std::string quoted(const fs::path& path) { return concat("'", path.filename().string(), "'"); }

/// Device and number: the same for all names of a file.
using Identity = std::pair<dev_t, ino_t>;

std::optional<Identity> identity_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return Identity{status.st_dev, status.st_ino};
}

std::vector<fs::path> names_in(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code reason;
  for (fs::directory_iterator at(folder, reason), end; !reason && at != end; at.increment(reason))
    paths.push_back(at->path());
  TERSEGRAD_CHECK(!reason || reason == std::errc::no_such_file_or_directory || reason == std::errc::not_a_directory,
                  "cannot look into the folder '", folder.string(), "': ", reason.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

TokenFiles find_token_files(const fs::path& folder) {
  TokenFiles files;
  std::map<Role, std::vector<fs::path>> shards;
  std::map<Identity, std::pair<fs::path, bool>> seen;  // a name, and whether it trains
  const auto leave_out = [&](const fs::path& path, const std::string& why) {
    files.left_out.push_back(concat(quoted(path), " (", why, ")"));
  };
  const std::vector<fs::path> paths = names_in(folder);
  for (const auto& path : paths) {
    const std::string name = lower_case(path.filename().string());
    const bool packed = name.ends_with(".bin.gz");
    const bool is_shard = packed || name.ends_with(".bin");
    const auto roles = roles_of(is_shard ? name.substr(0, name.size() - (packed ? 7 : 4)) : name);
    if (!is_shard && roles.empty()) continue;  // of something else
    if (name.starts_with(".")) {
      if (is_shard) leave_out(path, "hidden");
      continue;
    }
    std::error_code none;
    if (!is_shard) {
      if (!fs::is_directory(path, none)) leave_out(path, "not named *.bin or *.bin.gz");
      continue;
    }
    if (roles.empty()) {
      leave_out(path, "no word of its name is train, val or test");
      continue;
    }
    TERSEGRAD_CHECK(
        roles.size() == 1, "'", path.string(),
        "' has words of several splits in its name (train or training; val, valid, validation, eval or dev; "
        "test): rename it so that it has one, or move it elsewhere");
    const auto plain = path.parent_path() / path.filename().string().substr(0, path.filename().string().size() - 3);
    if (packed && std::binary_search(paths.begin(), paths.end(), plain)) {
      leave_out(path, concat("beside ", quoted(plain)));
      continue;
    }
    const Role role = *roles.begin();
    if (const auto identity = identity_of(path)) {
      const auto [other, fresh] = seen.emplace(*identity, std::pair{path, role == Role::train});
      TERSEGRAD_CHECK(fresh || other->second.second == (role == Role::train), "'", path.string(), "' and '",
                      other->second.first.string(),
                      "' are one file, which cannot be for training and for testing; remove one of the names");
      if (!fresh) {
        leave_out(path, concat("the same file as ", quoted(other->second.first)));
        continue;
      }
    }
    shards[role].push_back(path);
  }
  files.train = std::move(shards[Role::train]);
  if (shards[Role::validation].empty()) {
    files.test = std::move(shards[Role::test]);
  } else {
    files.test = std::move(shards[Role::validation]);
    for (const auto& path : shards[Role::test]) leave_out(path, "validation shards are there");
  }
  return files;
}

}  // namespace tersegrad
