#include "tersegrad/data/readers/folder.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace tersegrad {
namespace {

std::filesystem::path home() {
  if (const char* given = std::getenv("HOME"); given != nullptr && *given != '\0') return given;
  const passwd* const entry = ::getpwuid(::getuid());
  return entry != nullptr && entry->pw_dir != nullptr ? entry->pw_dir : "";
}

std::filesystem::path chosen() {
  if (const char* given = std::getenv("TERSEGRAD_DATA"); given != nullptr && *given != '\0') return given;
  std::error_code none;
  if (std::filesystem::is_directory(".data", none)) return ".data";
  if (const char* given = std::getenv("XDG_DATA_HOME"); given != nullptr && *given == '/') {
    return std::filesystem::path(given) / "tersegrad";
  }
  const auto folder = home();
  return folder.is_absolute() ? folder / ".local/share/tersegrad" : ".data";
}

}  // namespace

std::filesystem::path default_data_folder() {
  std::error_code none;  // a current folder that was removed
  const auto folder = chosen(), absolute = std::filesystem::absolute(folder, none);
  return none ? folder : absolute.lexically_normal();
}

}  // namespace tersegrad
