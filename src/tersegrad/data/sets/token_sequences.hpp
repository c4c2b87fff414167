// Data sets of token sequences: what a language model learns from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tersegrad/data/dataset.hpp"
#include "tersegrad/data/readers/token_text.hpp"

namespace tersegrad {

/// How a text is cut and what its tokens are.
struct TokenFormat {
  std::string name;
  std::int64_t context = 0;     ///< tokens of a row, at least 1
  std::int64_t vocabulary = 0;  ///< ids are below it; at most 2^24: features are floats
};

/// Row r of a split has the features tokens[r·c .. r·c + c) and the labels tokens[r·c + 1 .. r·c + c + 1), c = context:
/// ⌊(n − 1)/c⌋ rows of n tokens; what is left at the end is not used. Tokens stay where and as wide as they are.
///
/// The training split is cut to source.samples rows (split.hpp).
/// \throws Error if a split has not one whole row, or source.samples is more than there is
std::unique_ptr<Dataset> make_token_dataset(const TokenFormat& format, TokenText train, TokenText test,
                                            const DataSource& source);

}  // namespace tersegrad
