// Tensors of a model, grouped by patterns over their names.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tersegrad/core/buffer.hpp"
#include "tersegrad/core/layout.hpp"

namespace tersegrad {

/// Some of a vector's tensors as a vector of their own, concatenated in their order.
class TensorGroup {
 public:
  /// \param whole the vector's \param tensors indices into whole.tensors, ascending
  TensorGroup(std::string pattern, std::string compressor, const ParameterLayout& whole, const std::vector<std::size_t>& tensors);

  const std::string& pattern() const { return pattern_; }
  const std::string& compressor() const { return compressor_; }
  std::string label() const { return pattern_ + "=" + compressor_; }  ///< the rule
  const ParameterLayout& layout() const { return layout_; }

  /// \param values receives layout().total() floats
  void gather(std::span<const float> whole, Buffer<float>& values) const;
  void scatter(std::span<const float> values, std::span<float> whole) const;

 private:
  std::string pattern_, compressor_;
  ParameterLayout layout_;
  std::vector<std::pair<std::int64_t, std::int64_t>> stretches_;  // of the whole vector, [begin, end), ascending
};

/// Whether a name is one of a pattern's: * is any characters, none too, ? one.
bool matches(std::string_view pattern, std::string_view name);

/// Splits tensors by rules such as "*bias=none,first*=sign,topk:0.01", tried in their order; a rule without a pattern is for
/// every tensor. A layout that knows no tensors has one, named "x". In the order of the rules.
/// \throws Error for a rule that matches nothing, or nothing that an earlier one leaves, and for a tensor without a rule; each
/// names the tensors that there are
std::vector<TensorGroup> group_tensors(const std::string& rules, const ParameterLayout& layout);

}  // namespace tersegrad
