// The place of an option in TrainConfig: how its value is read, written and checked there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "tersegrad/log/value.hpp"
#include "tersegrad/train/options/config.hpp"

namespace tersegrad {

/// What an option's value is on the command line.
enum class ValueKind {
  flag,     ///< there is none: the option is given or not
  word,     ///< one of OptionField::words
  integer,  ///< a whole number, or one of the words
  real,     ///< a number, or one of the words
  text,     ///< a plug-in's spelling, or another text
  path,     ///< a folder
  list,     ///< texts separated by commas; the option may be given several times
};

/// The numbers that an option accepts.
struct NumberRange {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false;   ///< low itself is refused
  bool high_open = false;  ///< high itself is refused
};

/// How one option is kept in a TrainConfig. The functions are given the option as the user spells it, "--lr", for their
/// messages; those that an option has no use for are empty.
struct OptionField {
  using Read = std::function<void(TrainConfig&, const std::string& option, const std::string& text)>;
  using Check = std::function<void(const TrainConfig&, const std::string& option)>;

  ValueKind kind = ValueKind::text;
  std::vector<std::string> words = {};         ///< accepted beside numbers, or instead of them
  NumberRange range = {};                      ///< of the numbers, if any
  std::vector<std::ptrdiff_t> members = {};    ///< TrainConfig's members that hold the value, as byte offsets
  Read read = {};                              ///< sets the members from a command line's text \throws Error for a text that is no value
  Read restore = {};                           ///< the same from a line of TrainConfig::lines()
  std::function<LogValue(const TrainConfig&)> value = {};    ///< what run.h5 and the lines keep
  std::function<std::string(const TrainConfig&)> text = {};  ///< the text that `read` makes the same members of; "": none
  Check check = {};                            ///< \throws Error naming the option for a value that is out of range
};

/// The place of a member in TrainConfig, in bytes: what tells members apart.
template <class Member>
std::ptrdiff_t offset_of(Member TrainConfig::* member) {
  static const TrainConfig config;
  return reinterpret_cast<const std::byte*>(&(config.*member)) - reinterpret_cast<const std::byte*>(&config);
}

/// A value as text with all its digits: two numbers that differ in the last one differ.
std::string exact_text(const LogValue& value);

/// The whole number that a text is. \throws Error naming the option
std::int64_t read_integer(const std::string& option, const std::string& text);
/// The number that a text is. \throws Error naming the option
double read_real(const std::string& option, const std::string& text);
/// \throws Error naming the option and listing the words, unless the text is one of them
void require_word(const std::string& option, const std::string& text, const std::vector<std::string>& words);

/// Fills in what follows from the rest: `text` from `value`, `restore` from `read`.
OptionField completed(OptionField field);

/// An option's place by what it holds.
namespace field {

/// A whole number from `low` to `high`. \param wanted  how the message says the upper bound: "at most 10^9", "below 2^24"
OptionField integer(std::int64_t TrainConfig::* member, std::int64_t low,
                    std::int64_t high = std::numeric_limits<std::int64_t>::max(), const std::string& wanted = "");
/// A number in a range. \param wanted  how the message says the range: "a positive number"
OptionField real(double TrainConfig::* member, const NumberRange& range, const std::string& wanted);
/// A finite number from 0.
OptionField not_negative(double TrainConfig::* member);
/// The key of random streams, a whole number from 0.
OptionField seed(std::uint64_t TrainConfig::* member);
/// Any text: whoever makes something of it says what is wrong with it.
OptionField text(std::string TrainConfig::* member);
/// One of the words; another is refused as the configuration is validated.
OptionField word(std::string TrainConfig::* member, const std::vector<std::string>& words);
/// A folder's name. \param wanted  what the message for an empty one says: "must be a folder's name"
OptionField path(std::filesystem::path TrainConfig::* member, const std::string& wanted);
/// `on` or `off`; 1 or 0 in a line.
OptionField on_or_off(bool TrainConfig::* member);
/// An option without a value: on where it is given.
OptionField flag(bool TrainConfig::* member);
/// Texts separated by commas.
OptionField list(std::vector<std::string> TrainConfig::* member);
/// Of an option that is no part of a configuration: the command acts on it.
OptionField none(ValueKind kind, const std::vector<std::string>& words = {});

}  // namespace field

}  // namespace tersegrad
