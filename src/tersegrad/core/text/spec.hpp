// The spelling of plug-ins on the command line: name[:argument]…, e.g. randk:0.01, student:3:0.1, vit:patch=7,width=64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tersegrad {

/// One declared argument of a plug-in: what --list, --help and the errors print.
struct Parameter {
  std::string name;      ///< key; a name ending in "..." takes the whole rest of the spec (wrappers: ef:topk:0.01)
  std::string fallback;  ///< default value as text; empty: the argument must be given
  std::string help;      ///< meaning, unit and range
  std::string example{};  ///< without a default: a value that makes sense at any dimension, which tests take
};

/// Characters of a spec, at most.
inline constexpr std::size_t longest_spec = 4096;

/// A spec cut at ':' and ',' (equivalent); an argument is `value` (by position) or `key=value`.
struct Spec {
  std::string text;  ///< as written
  std::string name;
  std::vector<std::pair<std::string, std::string>> arguments;  ///< key empty: by position

  /// \throws Error if the name is empty or an argument is, or the text is longer than longest_spec.
  static Spec parse(std::string_view text);
};

/// The arguments of one spec, matched with what the plug-in declares and checked as they are read.
class Arguments {
 public:
  /// \throws Error on an undeclared, repeated, surplus or missing argument (the text lists what is declared).
  Arguments(std::string family, Spec spec, const std::vector<Parameter>& declared);

  const Spec& spec() const { return spec_; }
  const std::string& text(const std::string& name) const;
  /// \throws Error unless the text is a whole number in [low, high].
  std::int64_t integer(const std::string& name, std::int64_t low = std::numeric_limits<std::int64_t>::min(),
                       std::int64_t high = std::numeric_limits<std::int64_t>::max()) const;
  /// \throws Error unless the text is a finite number (or "inf" when high is infinite) in [low, high].
  double real(const std::string& name, double low = -std::numeric_limits<double>::infinity(),
              double high = std::numeric_limits<double>::infinity()) const;
  /// \throws Error unless the text is one of `allowed` (listed in the text).
  const std::string& one_of(const std::string& name, const std::vector<std::string>& allowed) const;

 private:
  [[noreturn]] void refuse(const std::string& name, const std::string& wanted) const;
  std::string family_;
  Spec spec_;
  std::map<std::string, std::string> values_;
};

/// Whole text as a number; false if it is none, or has anything behind it. "1e3" is an integer too; "inf" a real.
bool parse_integer(std::string_view text, std::int64_t& value);
bool parse_real(std::string_view text, double& value);

/// Words joined by `separator`: the lists in error messages.
std::string join(const std::vector<std::string>& words, std::string_view separator = ", ");

}  // namespace tersegrad
