#include "apps/common/plugin_option.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/system/plugins.hpp"
#include "tersegrad/core/text/text.hpp"

namespace tersegrad {
namespace {

constexpr std::string_view option = "--plugin";
bool offered = false;  // by the present command

bool is_declared(const cxxopts::Options& options) {
  for (const auto& group : options.groups()) {
    for (const auto& other : options.group_help(group).options) {
      if (std::find(other.l.begin(), other.l.end(), option.substr(2)) != other.l.end()) return true;
    }
  }
  return false;
}

}  // namespace

void load_given_plugins(std::vector<char*>& words) {
  offered = true;
  std::vector<std::string> files;
  std::vector<char*> others;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == option) {
      TERSEGRAD_CHECK(i + 1 < words.size(), option, " needs a file: --plugin FILE.so");
      files.emplace_back(words[++i]);
    } else if (word.starts_with(option) && word.substr(option.size()).starts_with('=')) {
      files.emplace_back(word.substr(option.size() + 1));
    } else {
      others.push_back(words[i]);
    }
  }
  words = others;
  for (const std::string& file : files) {
    TERSEGRAD_CHECK(!file.empty(), option, " is '' (must be a plug-in's file)");
    require_printable(file, std::string(option));
    load_plugin(file);
  }
}

void declare_plugin_option(cxxopts::Options& options) {
  if (!offered || is_declared(options)) return;
  options.add_options("Plug-ins")("plugin", "a plug-in's file, with members of its own; may be given several times", cxxopts::value<std::string>(),
                                  "FILE.so");
}

}  // namespace tersegrad
