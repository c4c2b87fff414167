// Texts that an option accepts, for tests that want many.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "tersegrad/train/options/option_table.hpp"
#include "tersegrad/train/options/option_values.hpp"

namespace tersegrad {

class RandomOptions {
 public:
  explicit RandomOptions(std::uint64_t seed) : random_(seed) {}

  bool coin() { return below(2) == 0; }
  std::int64_t below(std::int64_t end) { return std::uniform_int_distribution<std::int64_t>(0, end - 1)(random_); }

  /// A text that the command line would take for the option; never empty.
  std::string text(const Option& option) {
    const OptionField& field = option.field;
    if (!field.words.empty() && (field.kind == ValueKind::word || below(4) == 0)) {
      return field.words[static_cast<std::size_t>(below(static_cast<std::int64_t>(field.words.size())))];
    }
    switch (field.kind) {
      case ValueKind::flag: return "1";
      case ValueKind::integer: return std::to_string(static_cast<std::int64_t>(std::max(field.range.low, -1e15)) +
                                                     below(static_cast<std::int64_t>(std::min(field.range.high, 1e15))));
      case ValueKind::real: return exact_text(number(field.range));
      case ValueKind::path: return "/a folder/" + letters();
      case ValueKind::list: return letters() + (coin() ? "," + letters() : "");
      default: return letters();
    }
  }

  /// A value for some of the options that this kind of model has, and a model of that kind.
  OptionValues some(ModelKind kind) {
    OptionValues values;
    for (const Option& option : train_options()) {
      if (option.field.members.empty() || !option.is_for(kind) || coin()) continue;
      values.give(option.name, text(option));
    }
    values.give("model", kind == ModelKind::network ? "vit:patch=" + std::to_string(below(9)) : "rosenbrock");
    return values;
  }

 private:
  /// With all the digits that a double has; of any size where there is no bound.
  double number(const NumberRange& range) {
    const double share = std::uniform_real_distribution<double>(0x1p-20, 1)(random_);
    return std::isfinite(range.high) ? range.low + share * (range.high - range.low)
                                     : range.low + share * std::pow(10.0, static_cast<double>(below(600) - 300));
  }
  std::string letters() {
    static const std::string some = "ab-7.:=/ é'\"#";  // what names of files and plug-ins have, and the separator of lines
    std::string text = "x";
    for (std::int64_t i = below(6); i > 0; --i) text += some[static_cast<std::size_t>(below(static_cast<std::int64_t>(some.size())))];
    return text + (below(8) == 0 ? " = y" : "");
  }

  std::mt19937_64 random_;
};

}  // namespace tersegrad
