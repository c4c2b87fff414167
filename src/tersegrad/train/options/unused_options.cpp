#include "tersegrad/train/options/unused_options.hpp"

#include "tersegrad/core/error.hpp"
#include "tersegrad/train/options/option_table.hpp"

namespace tersegrad {

std::vector<std::string> check_unused_options(const OptionValues& given, const TrainConfig& config) {
  std::vector<std::string> remarks;
  for (const Option& option : train_options()) {
    if (!given.contains(option.name)) continue;
    for (const Unused& unused : option.unused) {
      if (!unused.when(config)) continue;
      if (unused.which != nullptr) {
        const std::string items = unused.which(config);
        TERSEGRAD_CHECK(items.empty(), option.spelling(), " names ", items, ", which would change nothing: ", unused.why);
        continue;
      }
      TERSEGRAD_CHECK(unused.harmless, option.spelling(), " would change nothing: ", unused.why, "; leave it out");
      remarks.push_back(concat(option.spelling(), " changes nothing: ", unused.why));
    }
  }
  return remarks;
}

}  // namespace tersegrad
