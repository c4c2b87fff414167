// What was said of options: by a command line, or by the lines that a checkpoint keeps.
#pragma once

#include <map>
#include <string>

namespace tersegrad {

/// The options that are given, each with its text; those of a checkpoint count as given.
class OptionValues {
 public:
  struct Value {
    std::string text;       ///< "1" for a flag
    bool is_line = false;   ///< text is spelled as in TrainConfig::lines()
  };

  /// What a checkpoint's configuration says. Empty values are left out, and what its kind of model does not use.
  /// \throws Error for a line that is none, a key that is no option's, or a value with control characters
  static OptionValues of_lines(const std::string& lines);

  /// Sets what the command line says of an option; a later one replaces it.
  void give(const std::string& option, std::string text) { values_[option] = {std::move(text), false}; }
  /// Takes over all that `others` gives.
  void override_with(const OptionValues& others);

  bool contains(const std::string& option) const { return values_.contains(option); }
  /// Null if it is not given.
  const Value* find(const std::string& option) const;
  /// "" if it is not given.
  std::string text(const std::string& option) const;

 private:
  std::map<std::string, Value> values_;
};

}  // namespace tersegrad
