#include "tersegrad/train/options/option_table.hpp"

#include <algorithm>
#include <utility>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {
namespace {

std::vector<Option> all_groups() {
  std::vector<Option> all;
  const auto add = [&](const char* group, std::vector<Option> options) {
    for (Option& option : options) {
      option.group = group;
      all.push_back(std::move(option));
    }
  };
  add("What is trained", model_options());
  add("Agents", agent_options());
  add("Communication", communication_options());
  add("Optimiser", optimizer_options());
  add("Output", output_options());
  return all;
}

std::vector<const Option*> by_line() {
  std::vector<const Option*> kept;
  for (const Option& option : train_options()) {
    if (option.line > 0) kept.push_back(&option);
  }
  std::sort(kept.begin(), kept.end(), [](const Option* a, const Option* b) { return a->line < b->line; });
  return kept;
}

}  // namespace

const std::vector<Option>& train_options() {
  static const std::vector<Option> options = all_groups();
  return options;
}

const std::vector<const Option*>& recorded_options() {
  static const std::vector<const Option*> options = by_line();
  return options;
}

const Option* find_option(const std::string& name) {
  for (const Option& option : train_options()) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

const Option& option_named(const std::string& name) {
  if (const Option* const found = find_option(name)) return *found;
  std::vector<std::string> known;
  for (const Option& option : train_options()) known.push_back(option.spelling());
  std::sort(known.begin(), known.end());
  throw Error(concat("Option '", name, "' does not exist (known: ", join(known, " "), ")"));
}

}  // namespace tersegrad
