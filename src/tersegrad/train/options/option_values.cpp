#include "tersegrad/train/options/option_values.hpp"

#include <utility>

#include "tersegrad/core/text/text.hpp"
#include "tersegrad/train/options/option_table.hpp"

namespace tersegrad {

OptionValues OptionValues::of_lines(const std::string& lines) {
  const auto pairs = parse_lines(lines);
  std::string model;
  for (const auto& [key, value] : pairs) {
    if (key == "model") model = value;
  }
  const ModelKind kind = model_kind(model);
  OptionValues values;
  for (const auto& [key, value] : pairs) {
    const Option& option = option_named(option_name(key));
    if (value.empty() || !option.is_for(kind)) continue;
    require_printable(value, option.spelling());
    values.values_[option.name] = {value, true};
  }
  return values;
}

void OptionValues::override_with(const OptionValues& others) {
  for (const auto& [option, value] : others.values_) values_[option] = value;
}

const OptionValues::Value* OptionValues::find(const std::string& option) const {
  const auto found = values_.find(option);
  return found == values_.end() ? nullptr : &found->second;
}

std::string OptionValues::text(const std::string& option) const {
  const Value* const value = find(option);
  return value == nullptr ? "" : value->text;
}

}  // namespace tersegrad
