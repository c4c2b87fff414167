// `tersegrad reproduce` with figures that take a second: what tests stop, start again and ask for verdicts.
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "apps/common/objective.hpp"
#include "apps/reproduce/figure.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/theory/landscapes/landscape.hpp"
#include "tersegrad/train/objectives/landscape_objective.hpp"

namespace tersegrad {

// "quadratic" is taken for a landscape, "dealt" for a network, whose runs are dealt to the ranks.
bool is_landscape(const std::string& model) { return Spec::parse(model).name == "quadratic"; }

std::unique_ptr<Objective> make_objective(const TrainConfig& config, const HostedAgents&) {
  TERSEGRAD_CHECK(config.model != "nowhere", "there is no landscape 'nowhere'");
  // Runs that somebody means to kill stand still at their start: machines differ too much to hit one in its course.
  const char* const halted = std::getenv("SMALL_FIGURES_HALT");  // a model: its third run and those behind it
  while (halted != nullptr && config.model == halted && config.seed > 2) ::pause();
  return make_landscape_objective(config, LandscapeRegistry::instance().make("quadratic:1x10"));
}

namespace {

std::vector<FigureRun> some(const std::string& model, int count) {
  std::vector<FigureRun> runs;
  for (int i = 0; i < count; ++i) {
    auto config = landscape_config(model, "sign", "gaussian:1", 3, 0.001, 300, 10);
    config.seed = static_cast<std::uint64_t>(i) + 1;
    runs.push_back({concat(model.substr(0, 5), "-", i), config});
  }
  return runs;
}

std::vector<FigureRun> four_of_each(Scale) {
  auto runs = some("quadratic:1x10", 4);
  const auto more = some("dealt", 4);
  runs.insert(runs.end(), more.begin(), more.end());
  return runs;
}

void draw(Scale, FigureReport& report) {
  Panel& panel = report.add_panel("losses", "iteration k", "f(x_k)");
  panel.curves.push_back(loss_curve(report.run("quadr-0"), "first", "first"));
  report.claim({.text = "a claim that holds", .measured = 1, .predicted = 1, .derivation = "by hand"});
}

void draw_failing(Scale scale, FigureReport& report) {
  draw(scale, report);
  report.claim({.text = "a claim that fails", .measured = 2, .predicted = 1, .derivation = "by hand"});
  report.claim({.text = "a claim whose premise is not met", .measured = 1, .predicted = 1, .unmet = "it is not"});
}

const CatalogueEntry<Figure> first{"fig1", {"Small", "", nullptr, four_of_each, draw}};
const CatalogueEntry<Figure> second{"fig2", {"Broken", "", nullptr, [](Scale) { return some("nowhere", 2); }, draw}};
std::vector<FigureRun> one_and_its_sde(Scale) {
  auto runs = some("quadratic:1x10", 1);
  runs.push_back({"sde-0", runs.front().config});
  runs.back().config.sde = 1;
  return runs;
}

const CatalogueEntry<Figure> third{"fig3", {"Failing", "", nullptr, one_and_its_sde, draw_failing}};

}  // namespace
}  // namespace tersegrad
