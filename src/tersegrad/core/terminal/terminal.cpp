#include "tersegrad/core/terminal/terminal.hpp"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "tersegrad/core/system/launcher.hpp"

namespace tersegrad {
namespace {

constexpr std::size_t narrowest = 20;  // what is less is no terminal that a person reads tables on

std::string open_file(const std::string& pid) {
  std::error_code none;
  return std::filesystem::read_symlink("/proc/" + pid + "/fd/1", none).string();
}

std::optional<std::size_t> number_in(const char* variable) {
  const char* text = ::getenv(variable);
  if (text == nullptr) return std::nullopt;
  const std::string_view digits = text;
  std::size_t value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (problem != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

bool output_on_terminal() {
  if (const char* style = ::getenv("TERSEGRAD_PROGRESS")) return std::string_view(style) == "live";
  if (!::isatty(STDOUT_FILENO)) return false;
  if (!find_launch()) return true;
  const std::string parent = open_file(std::to_string(::getppid()));
  return parent.starts_with("/dev/") && parent != "/dev/null" && parent != open_file("self");
}

std::size_t output_columns() {
  if (const auto told = number_in("TERSEGRAD_COLUMNS")) return *told >= narrowest ? *told : any_width;
  if (!output_on_terminal()) return any_width;
  if (const auto told = number_in("COLUMNS"); told && *told >= narrowest) return *told;
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= narrowest;
  return known ? size.ws_col : 80;
}

}  // namespace tersegrad
