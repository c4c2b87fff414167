#include "tersegrad/core/text/spec.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "tersegrad/core/error.hpp"

namespace tersegrad {

Spec Spec::parse(std::string_view text) {
  TERSEGRAD_CHECK(std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }),
                  "a plug-in's spelling has a line break or another control character in it (",
                  text.size(), " characters)");
  // Wrappers nest: what a wrapper holds is parsed behind it, one call within another.
  TERSEGRAD_CHECK(text.size() <= longest_spec, "'", text.substr(0, 40), "…' has ", text.size(),
                  " characters (a plug-in's spelling has at most ", longest_spec, ")");
  Spec spec;
  spec.text = text;
  std::size_t begin = 0;
  bool first = true;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find_first_of(":,", begin), text.size());
    const std::string_view piece = text.substr(begin, end - begin);
    TERSEGRAD_CHECK(!piece.empty(), "empty ", first ? "name" : "argument", " in '", text, "'");
    if (first) {
      spec.name = piece;
    } else {
      const std::size_t equals = piece.find('=');
      if (equals == std::string_view::npos) {
        spec.arguments.emplace_back("", piece);
      } else {
        spec.arguments.emplace_back(piece.substr(0, equals), piece.substr(equals + 1));
      }
    }
    first = false;
    begin = end + 1;
  }
  return spec;
}

namespace {

bool takes_rest(const Parameter& parameter) { return parameter.name.ends_with("..."); }

std::string bare_name(const Parameter& parameter) {
  return takes_rest(parameter) ? parameter.name.substr(0, parameter.name.size() - 3) : parameter.name;
}

}  // namespace

Arguments::Arguments(std::string family, Spec spec, const std::vector<Parameter>& declared)
    : family_(std::move(family)), spec_(std::move(spec)) {
  std::vector<std::string> names;
  for (const auto& parameter : declared) names.push_back(parameter.name);
  const std::string known = names.empty() ? "it takes no arguments" : "its arguments are: " + join(names);

  std::size_t position = 0;
  for (std::size_t i = 0; i < spec_.arguments.size(); ++i) {
    const auto& [key, value] = spec_.arguments[i];
    if (position < declared.size() && takes_rest(declared[position])) {
      // Everything behind the arguments so far, as written.
      std::size_t start = spec_.name.size() + 1;
      for (std::size_t j = 0; j < i; ++j) {
        const auto& [k, v] = spec_.arguments[j];
        start += v.size() + 1 + (k.empty() ? 0 : k.size() + 1);
      }
      values_[bare_name(declared[position])] = spec_.text.substr(start);
      break;
    }
    std::string name = key;
    if (key.empty()) {
      TERSEGRAD_CHECK(position < declared.size(), "too many arguments in ", family_, " '", spec_.text, "' (", known,
                      ")");
      name = declared[position++].name;
    } else {
      TERSEGRAD_CHECK(std::find(names.begin(), names.end(), name) != names.end(), "unknown argument '", name, "' in ",
                      family_, " '", spec_.text, "' (", known, ")");
    }
    TERSEGRAD_CHECK(values_.emplace(name, value).second, "argument '", name, "' is given twice in ", family_, " '",
                    spec_.text, "'");
  }
  for (const auto& parameter : declared) {
    const std::string name = bare_name(parameter);
    if (values_.count(name)) continue;
    TERSEGRAD_CHECK(!parameter.fallback.empty(), family_, " '", spec_.text, "' needs the argument '", name, "' (",
                    parameter.help, "), e.g. ", spec_.name, ":", name, "=…");
    values_[name] = parameter.fallback;
  }
}

const std::string& Arguments::text(const std::string& name) const {
  const auto found = values_.find(name);
  TERSEGRAD_ASSERT(found != values_.end(), family_, " '", spec_.name, "' reads undeclared argument '", name,
                  "'");
  return found->second;
}

void Arguments::refuse(const std::string& name, const std::string& wanted) const {
  throw Error(
      concat("argument '", name, "' of ", family_, " '", spec_.text, "' is '", text(name), "' (must be ", wanted, ")"));
}

std::int64_t Arguments::integer(const std::string& name, std::int64_t low, std::int64_t high) const {
  std::int64_t value = 0;
  const bool bounded_above = high != std::numeric_limits<std::int64_t>::max();
  if (!parse_integer(text(name), value) || value < low || value > high) {
    refuse(name, concat("a whole number from ", low, bounded_above ? concat(" to ", high) : std::string(" up")));
  }
  return value;
}

double Arguments::real(const std::string& name, double low, double high) const {
  double value = 0;
  if (!parse_real(text(name), value) || std::isnan(value) || !(value >= low) || !(value <= high)) {
    refuse(name, concat("a number", std::isinf(low) ? std::string() : concat(" from ", low),
                        std::isinf(high) ? std::string() : concat(" to ", high)));
  }
  return value;
}

const std::string& Arguments::one_of(const std::string& name, const std::vector<std::string>& allowed) const {
  if (std::find(allowed.begin(), allowed.end(), text(name)) == allowed.end()) refuse(name, "one of: " + join(allowed));
  return text(name);
}

bool parse_real(std::string_view text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_integer(std::string_view text, std::int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return true;
  double real = 0;  // "1e6" is how people write a million
  if (!parse_real(text, real) || real != std::floor(real) || std::abs(real) > 0x1p53) return false;
  value = static_cast<std::int64_t>(real);
  return true;
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  std::string joined;
  for (const auto& word : words) {
    if (!joined.empty()) joined += separator;
    joined += word;
  }
  return joined;
}

}  // namespace tersegrad
