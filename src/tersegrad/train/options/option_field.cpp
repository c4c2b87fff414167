#include "tersegrad/train/options/option_field.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {

std::string exact_text(const LogValue& value) {
  if (const auto* number = std::get_if<double>(&value)) {
    char digits[40];
    return {digits, std::to_chars(digits, digits + sizeof digits, *number).ptr};
  }
  return std::visit([](const auto& other) { return concat(other); }, value);
}

std::int64_t read_integer(const std::string& option, const std::string& text) {
  std::int64_t value = 0;
  TERSEGRAD_CHECK(parse_integer(text, value), option, " is '", text, "' (must be a whole number)");
  return value;
}

double read_real(const std::string& option, const std::string& text) {
  double value = 0;
  TERSEGRAD_CHECK(parse_real(text, value), option, " is '", text, "' (must be a number)");
  return value;
}

void require_word(const std::string& option, const std::string& text, const std::vector<std::string>& words) {
  TERSEGRAD_CHECK(std::find(words.begin(), words.end(), text) != words.end(), option, " is '", text, "' (must be one of: ",
                  join(words), ")");
}

OptionField completed(OptionField field) {
  if (!field.restore) field.restore = field.read;
  if (!field.text && field.value) field.text = [value = field.value](const TrainConfig& c) { return exact_text(value(c)); };
  return field;
}

namespace field {

OptionField integer(std::int64_t TrainConfig::* member, std::int64_t low, std::int64_t high, const std::string& wanted) {
  OptionField made{.kind = ValueKind::integer, .range = {static_cast<double>(low)}, .members = {offset_of(member)}};
  if (high < std::numeric_limits<std::int64_t>::max()) made.range.high = static_cast<double>(high);
  made.read = [=](TrainConfig& c, const std::string& option, const std::string& text) { c.*member = read_integer(option, text); };
  made.value = [=](const TrainConfig& c) { return c.*member; };
  made.check = [=](const TrainConfig& c, const std::string& option) {
    TERSEGRAD_CHECK(c.*member >= low, option, " is ", c.*member, " (must be at least ", low, ")");
    TERSEGRAD_CHECK(c.*member <= high, option, " is ", c.*member, " (must be ", wanted, ")");
  };
  return completed(made);
}

OptionField real(double TrainConfig::* member, const NumberRange& range, const std::string& wanted) {
  OptionField made{.kind = ValueKind::real, .range = range, .members = {offset_of(member)}};
  made.read = [=](TrainConfig& c, const std::string& option, const std::string& text) { c.*member = read_real(option, text); };
  made.value = [=](const TrainConfig& c) { return c.*member; };
  made.check = [=](const TrainConfig& c, const std::string& option) {
    const double value = c.*member;
    const bool inside = (range.low_open ? value > range.low : value >= range.low) &&
                        (range.high_open ? value < range.high : value <= range.high);
    TERSEGRAD_CHECK(std::isfinite(value) && inside, option, " is ", value, " (must be ", wanted, ")");
  };
  return completed(made);
}

OptionField not_negative(double TrainConfig::* member) { return real(member, {.low = 0}, "0 or a positive number"); }

OptionField seed(std::uint64_t TrainConfig::* member) {
  OptionField made{.kind = ValueKind::integer, .range = {.low = 0}, .members = {offset_of(member)}};
  made.read = [=](TrainConfig& c, const std::string& option, const std::string& text) {
    const std::int64_t value = read_integer(option, text);
    TERSEGRAD_CHECK(value >= 0, option, " is ", value, " (must not be negative)");
    c.*member = static_cast<std::uint64_t>(value);
  };
  made.value = [=](const TrainConfig& c) { return static_cast<std::int64_t>(c.*member); };
  return completed(made);
}

OptionField text(std::string TrainConfig::* member) {
  OptionField made{.members = {offset_of(member)}};
  made.read = [=](TrainConfig& c, const std::string&, const std::string& text) { c.*member = text; };
  made.value = [=](const TrainConfig& c) { return c.*member; };
  return completed(made);
}

OptionField word(std::string TrainConfig::* member, const std::vector<std::string>& words) {
  OptionField made = text(member);
  made.kind = ValueKind::word;
  made.words = words;
  made.check = [=](const TrainConfig& c, const std::string& option) { require_word(option, c.*member, words); };
  return made;
}

OptionField path(std::filesystem::path TrainConfig::* member, const std::string& wanted) {
  OptionField made{.kind = ValueKind::path, .members = {offset_of(member)}};
  made.read = [=](TrainConfig& c, const std::string& option, const std::string& text) {
    TERSEGRAD_CHECK(!text.empty(), option, " is '' (", wanted, ")");
    c.*member = text;
  };
  made.value = [=](const TrainConfig& c) { return (c.*member).string(); };
  return completed(made);
}

OptionField on_or_off(bool TrainConfig::* member) {
  OptionField made{.kind = ValueKind::word, .words = {"on", "off"}, .members = {offset_of(member)}};
  made.read = [=, words = made.words](TrainConfig& c, const std::string& option, const std::string& text) {
    require_word(option, text, words);
    c.*member = text == "on";
  };
  made.restore = [=](TrainConfig& c, const std::string&, const std::string& line) { c.*member = line == "1"; };
  made.value = [=](const TrainConfig& c) { return c.*member; };
  made.text = [=](const TrainConfig& c) { return c.*member ? "on" : "off"; };
  return made;
}

OptionField flag(bool TrainConfig::* member) {
  OptionField made{.kind = ValueKind::flag, .members = {offset_of(member)}};
  made.read = [=](TrainConfig& c, const std::string&, const std::string&) { c.*member = true; };
  made.restore = [=](TrainConfig& c, const std::string&, const std::string& line) { c.*member = line == "1"; };
  made.value = [=](const TrainConfig& c) { return c.*member; };
  made.text = [](const TrainConfig&) { return ""; };
  return made;
}

OptionField list(std::vector<std::string> TrainConfig::* member) {
  OptionField made{.kind = ValueKind::list, .members = {offset_of(member)}};
  made.read = [=](TrainConfig& c, const std::string&, const std::string& text) {
    (c.*member) = {""};  // an empty one stays, and is refused by whoever looks for a plug-in of that name
    for (const char letter : text) {
      if (letter == ',') {
        (c.*member).emplace_back();
      } else {
        (c.*member).back() += letter;
      }
    }
  };
  made.value = [=](const TrainConfig& c) { return join(c.*member, ","); };
  return completed(made);
}

OptionField none(ValueKind kind, const std::vector<std::string>& words) { return {.kind = kind, .words = words}; }

}  // namespace field

}  // namespace tersegrad
