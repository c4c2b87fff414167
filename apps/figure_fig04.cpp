// Figures 4 and 7 (Appendix F.4): DSignSGD under the scaling rule of Proposition 3.14, κ/(α√δ) = 1.
#include "apps/figure_networks.hpp"

namespace tersegrad {
namespace {

// F.4: base DSignSGD(η = 0.01, B = 1, N = 4), κ = 2; ViT σ = 0.2, 1,000 steps, 5 repetitions; ResNet σ = 1, 2,000, 10.
struct Rule {
  const char* name;
  const char* label;
  const char* group;
  std::int64_t agents, batch;
  double lr_factor;
};
const Rule rules[] = {{"base", "(η, B, N)", "base", 4, 1, 1},
                      {"batch", "(κη, κ²B, N)", "follows", 4, 4, 2},
                      {"agents", "(κη, B, κN)", "follows", 8, 1, 2},
                      {"fewer", "(η, κ²B, N/κ)", "follows", 2, 4, 1},
                      {"breaks", "(κη, κ²B, N/κ)", "breaks", 2, 4, 2}};

int repetitions(Scale scale, const std::string& network) { return scale == Scale::quick ? 5 : network == "vit" ? 5 : 10; }

std::vector<Setting> settings(Scale scale, const std::string& network) {
  const bool paper = scale == Scale::paper, vit = network == "vit";
  const double lr = paper || vit ? 0.01 : 0.003;
  const std::int64_t steps = paper ? (vit ? 1000 : 2000) : vit ? 700 : 100, samples = paper ? 0 : vit ? 128 : 32;
  std::vector<Setting> all;
  for (const auto& rule : rules) {
    auto config = network_config(network, "sign", vit ? "gaussian:0.2" : "gaussian:1", rule.agents, lr * rule.lr_factor, steps, samples);
    config.noise_batch = rule.batch;
    all.push_back({network + "-" + rule.name, rule.label, rule.group, config});
  }
  return all;
}

std::vector<FigureRun> runs(Scale scale) {
  std::vector<FigureRun> all;
  for (const char* network : {"vit", "resnet"}) {
    const auto some = repeat(settings(scale, network), repetitions(scale, network));
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

void draw(Scale scale, FigureReport& report) {
  scaling_panels(report, settings(scale, "vit"), repetitions(scale, "vit"), "DSignSGD, ViT on MNIST", "Figures 4 and 7, left");
  scaling_panels(report, settings(scale, "resnet"), repetitions(scale, "resnet"), "DSignSGD, ResNet on CIFAR-10", "Figures 4 and 7, right");
}

const FigureRegistration registration{
    "fig4",
    {"Figures 4 and 7: DSignSGD under the scaling rules", "",
     [](Scale scale) -> std::string {
       return scale == Scale::paper ? "" : "ViT 128 images, 700 steps; ResNet 32 images, 100 steps, η = 0.003; 5 repetitions each (paper: all images, 1,000 and 2,000 steps).";
     },
     runs, draw}};

}  // namespace
}  // namespace tersegrad
