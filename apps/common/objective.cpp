#include "apps/common/objective.hpp"

#include <cstdio>

#include "models/registry.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/theory/landscapes/landscape.hpp"
#include "tersegrad/train/objectives/landscape_objective.hpp"
#include "tersegrad/train/options/model_kind.hpp"

namespace tersegrad {

bool is_landscape(const std::string& model) {
  return model_kind(model) == ModelKind::landscape;
}

std::unique_ptr<Objective> make_objective(const TrainConfig& config, const HostedAgents& agents) {
  if (is_landscape(config.model)) {
    return make_landscape_objective(config, LandscapeRegistry::instance().make(config.model));
  }
  const std::string name = Spec::parse(config.model).name;
  TERSEGRAD_CHECK(NetworkRegistry::instance().entries().count(name), "unknown model '", name,
                  "' (networks: ", join(NetworkRegistry::instance().names()),
                  "; landscapes: ", join(LandscapeRegistry::instance().names()), ")");
  DataSource source{config.data, config.init_seed, config.samples};
  if (agents.begin == 0 && agents.end > 0) {  // one rank alone hosts the first agent
    source.remark = [](const std::string& text) { std::fprintf(stderr, "tersegrad: %s\n", text.c_str()); };
  }
  std::shared_ptr<const Dataset> dataset =
      // Which rows are taken belongs to the problem, as the start does: runs that differ in their seed alone compare.
      DatasetRegistry::instance().make(config.dataset, source);
  return make_network_objective(config, std::move(dataset), agents);
}

}  // namespace tersegrad
