#include "tersegrad/train/options/config.hpp"

#include <map>
#include <sstream>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/data/dataset.hpp"
#include "tersegrad/data/readers/folder.hpp"
#include "tersegrad/train/options/option_table.hpp"

namespace tersegrad {

std::string to_string(NonfinitePolicy policy) {
  return policy == NonfinitePolicy::stop ? "stop" : policy == NonfinitePolicy::skip ? "skip" : "keep";
}

NonfinitePolicy parse_nonfinite(const std::string& text) {
  for (const auto policy : {NonfinitePolicy::stop, NonfinitePolicy::skip, NonfinitePolicy::keep}) {
    if (text == to_string(policy)) return policy;
  }
  throw Error(concat("--nonfinite is '", text, "' (must be one of: stop, skip, keep)"));
}

LogFields TrainConfig::describe() const {
  LogFields fields;
  for (const Option* option : recorded_options()) {
    if (option->in_run_file) fields.push_back({option->key(), option->field.value(*this), option->unit});
  }
  return fields;
}

std::string TrainConfig::lines() const {
  std::string text;
  for (const Option* option : recorded_options()) text += option->key() + " = " + exact_text(option->field.value(*this)) + "\n";
  return text;
}

std::vector<std::pair<std::string, std::string>> parse_lines(const std::string& lines) {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::istringstream text(lines);
  for (std::string line; std::getline(text, line);) {
    const auto at = line.find(" = ");
    TERSEGRAD_CHECK(at != std::string::npos && at > 0, "a checkpoint's configuration has the line '", line,
                    "' (must be: key = value)");
    pairs.emplace_back(line.substr(0, at), line.substr(at + 3));
  }
  return pairs;
}

bool may_differ(const std::string& key) {
  const Option* const option = find_option(option_name(key));
  return option != nullptr && option->may_differ;
}

void require_same_run(const std::string& checkpoint_lines, const TrainConfig& config) {
  std::map<std::string, std::string> before;
  for (auto& [key, value] : parse_lines(checkpoint_lines)) before[key] = value;
  for (const auto& [key, value] : parse_lines(config.lines())) {
    if (may_differ(key)) continue;
    const auto found = before.find(key);
    TERSEGRAD_CHECK(found != before.end(), "the checkpoint was written without an option that this program has: ", key);
    TERSEGRAD_CHECK(found->second == value, "the run to resume has ", "--", option_name(key), " '", found->second, "', not '",
                    value, "' (a run goes on as it began; leave the option out)");
  }
}

void TrainConfig::resolve_data_folder() {
  if (dataset == "none" || built_in_datasets().contains(Spec::parse(dataset).name)) {
    data.clear();
  } else {
    data = data.empty() ? default_data_folder() : std::filesystem::absolute(data).lexically_normal();
  }
}

void TrainConfig::validate() const {
  for (const Option& option : train_options()) {
    if (!option.field.text) continue;
    const LogValue value = option.field.value ? option.field.value(*this) : option.field.text(*this);
    if (const auto* const text = std::get_if<std::string>(&value)) require_printable(*text, option.spelling());
  }
  for (const Option& option : train_options()) {
    if (option.field.check) option.field.check(*this, option.spelling());
  }
  for (const Option& option : train_options()) {
    if (option.fits != nullptr) option.fits(*this);
  }
}

}  // namespace tersegrad
