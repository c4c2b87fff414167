#include "tersegrad/compress/layers/tensor_groups.hpp"

#include <algorithm>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {
namespace {

struct Rule {
  std::string pattern, compressor;
};

std::vector<Rule> parse_rules(const std::string& text) {
  std::vector<Rule> rules;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string item = text.substr(begin, end - begin);
    // A compressor's own arguments may have an '=', after their ':'.
    const std::size_t equals = item.find('='), colon = item.find(':');
    const bool has_pattern = equals != std::string::npos && equals < colon;
    Rule rule{has_pattern ? item.substr(0, equals) : "*", has_pattern ? item.substr(equals + 1) : item};
    TERSEGRAD_CHECK(!rule.pattern.empty() && !rule.compressor.empty(), "rule '", item, "' of 'per-layer:", text,
                    "' (must be PATTERN=COMPRESSOR or COMPRESSOR)");
    TERSEGRAD_CHECK(Spec::parse(rule.compressor).name != "per-layer", "rule '", item, "' of 'per-layer:", text,
                    "' has rules of its own; write all in one list");
    rules.push_back(std::move(rule));
    begin = end + 1;
  }
  return rules;
}

std::string names_of(const std::vector<ParameterTensor>& tensors) {
  constexpr std::size_t most = 60;
  std::vector<std::string> names;
  for (const auto& tensor : tensors) {
    if (names.size() == most) break;
    names.push_back(tensor.name);
  }
  return join(names) + (tensors.size() > most ? concat(", … ", tensors.size(), " in all") : "");
}

}  // namespace

TensorGroup::TensorGroup(std::string pattern, std::string compressor, const ParameterLayout& whole,
                         const std::vector<std::size_t>& tensors)
    : pattern_(std::move(pattern)), compressor_(std::move(compressor)) {
  layout_.replicas = whole.replicas;
  for (const std::size_t t : tensors) {
    ParameterTensor tensor = whole.tensors[t];
    const std::int64_t begin = tensor.begin, end = begin + tensor.size() * whole.replicas;
    if (!stretches_.empty() && stretches_.back().second == begin) {
      stretches_.back().second = end;
    } else {
      stretches_.emplace_back(begin, end);
    }
    tensor.begin = layout_.dim;
    layout_.dim += tensor.size();
    layout_.tensors.push_back(std::move(tensor));
  }
}

void TensorGroup::gather(std::span<const float> whole, Buffer<float>& values) const {
  values.resize(static_cast<std::size_t>(layout_.total()));
  float* to = values.data();
  for (const auto& [begin, end] : stretches_) to = std::copy(whole.data() + begin, whole.data() + end, to);
}

void TensorGroup::scatter(std::span<const float> values, std::span<float> whole) const {
  const float* from = values.data();
  for (const auto& [begin, end] : stretches_) {
    std::copy(from, from + (end - begin), whole.data() + begin);
    from += end - begin;
  }
}

bool matches(std::string_view pattern, std::string_view name) {
  // Each * takes as little as it can, and one character more where what follows does not fit.
  std::size_t p = 0, n = 0, star = std::string_view::npos, taken = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || (pattern[p] == name[n] && pattern[p] != '*'))) {
      ++p, ++n;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++taken;
    } else {
      return false;
    }
  }
  return std::all_of(pattern.begin() + static_cast<std::ptrdiff_t>(p), pattern.end(), [](char c) { return c == '*'; });
}

std::vector<TensorGroup> group_tensors(const std::string& text, const ParameterLayout& layout) {
  ParameterLayout named = layout;
  if (named.tensors.empty()) named.tensors = {{"x", {layout.dim}, 0}};
  std::vector<bool> taken(named.tensors.size());
  std::vector<TensorGroup> groups;
  for (const auto& rule : parse_rules(text)) {
    std::vector<std::size_t> its;
    bool any = false;
    for (std::size_t t = 0; t < taken.size(); ++t) {
      if (!matches(rule.pattern, named.tensors[t].name)) continue;
      any = true;
      if (!taken[t]) its.push_back(t);
      taken[t] = true;
    }
    TERSEGRAD_CHECK(!its.empty(), "pattern '", rule.pattern, "' of 'per-layer:", text, "' matches ",
                    any ? "no tensor that an earlier rule leaves" : "no tensor", " (there are: ", names_of(named.tensors), ")");
    groups.emplace_back(rule.pattern, rule.compressor, named, its);
  }
  for (std::size_t t = 0; t < taken.size(); ++t) {
    TERSEGRAD_CHECK(taken[t], "'per-layer:", text, "' has no rule for tensor '", named.tensors[t].name,
                    "'; end with a compressor for the rest, e.g. per-layer:", text, ",none");
  }
  return groups;
}

}  // namespace tersegrad
