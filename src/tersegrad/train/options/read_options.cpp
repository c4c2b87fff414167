#include "tersegrad/train/options/read_options.hpp"

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/theory/landscapes/landscape.hpp"
#include "tersegrad/train/options/option_table.hpp"

namespace tersegrad {
namespace {

void refuse_for_model(const Option& option, const TrainConfig& config) {
  if (option.refuse_for_other_kind != nullptr) return option.refuse_for_other_kind(config);
  TERSEGRAD_CHECK(option.only_for != ModelKind::network, option.spelling(), " means nothing to landscape '", config.model, "'");
  throw Error(concat(option.spelling(), " is for landscapes, and '", config.model, "' is none (landscapes: ",
                     join(LandscapeRegistry::instance().names()), ")"));
}

/// A landscape has no data, and its agents share the exact gradient; a network has one start, and is one.
void adapt_to_model(TrainConfig& config, const OptionValues& values) {
  const ModelKind kind = model_kind(config.model);
  for (const Option& option : train_options()) {
    if (option.is_for(kind)) continue;
    if (values.contains(option.name)) refuse_for_model(option, config);
    if (option.other_kind != nullptr) option.field.read(config, option.spelling(), option.other_kind);
  }
}

}  // namespace

TrainConfig read_options(const OptionValues& values) {
  TrainConfig config;
  for (const Option& option : train_options()) {
    if (!option.field.read) continue;
    const OptionValues::Value* const given = values.find(option.name);
    if (given != nullptr) {
      (given->is_line ? option.field.restore : option.field.read)(config, option.spelling(), given->text);
    } else if (const std::string text = option.default_text(); !text.empty()) {
      option.field.read(config, option.spelling(), text);
    }
  }
  adapt_to_model(config, values);
  return config;
}

}  // namespace tersegrad
