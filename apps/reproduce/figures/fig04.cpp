// Figures 4 and 7 (Appendix F.4): DSignSGD under the scaling rule of Proposition 3.14, κ/(α√δ) = 1.
#include "apps/reproduce/figures/scaling.hpp"

namespace tersegrad {
namespace {

// F.4: base DSignSGD(η = 0.01, B = 1, N = 4), κ = 2; ViT σ = 0.2, 1,000 steps, 5 repetitions; ResNet σ = 1, 2,000, 10.
// The rule keeps the stationary level; the rates κ√δ on the way differ (4 for the second run, 2 for the next two, 4 for
// the breaker), so only stationary runs can show it. Table 3's slip (K_1/K_2 for K_2/K_1) is in the exact rule, not in
// this one.
const std::vector<ScaledRun> rules = {{"base", "(η, B, N)", "base", "sign", 4},
                                      {"batch", "(κη, κ²B, N)", "follows", "sign", 4, 4, 2},
                                      {"agents", "(κη, B, κN)", "follows", "sign", 8, 1, 2},
                                      {"fewer", "(η, κ²B, N/κ)", "follows", "sign", 2, 4, 1},
                                      {"breaks", "(κη, κ²B, N/κ)", "breaks", "sign", 2, 4, 2}};

std::vector<ScalingPanel> panels(Scale scale) {
  const bool paper = scale == Scale::paper;
  ScalingPanel vit{"vit", "DSignSGD, ViT on MNIST", "Figures 4 and 7, left", 0.01, 0.2, 1000, 0, 5};
  ScalingPanel resnet{"resnet", "DSignSGD, ResNet on CIFAR-10", "Figures 4 and 7, right", 0.01, 1, 2000, 0, 10};
  if (paper) return {vit, resnet};
  vit.steps = 500, vit.samples = 256;
  resnet.lr = 0.003, resnet.steps = 150, resnet.samples = 16, resnet.repetitions = 5;
  return {vit, resnet};
}

const CatalogueEntry<Figure> registration{
    "fig4",
    {"Figures 4 and 7: DSignSGD under the scaling rules", "",
     [](Scale scale) -> std::string {
       if (scale == Scale::paper) return "";
       return "ViT 256 images (paper: 60,000), 500 steps (1,000); ResNet 16 images (50,000), 150 steps (2,000), 5 "
              "repetitions (10). Changed, not cut: the ResNet's η = 0.003 (0.01), at which its base run does not "
              "burst.";
     },
     [](Scale scale) { return scaling_runs(rules, panels(scale)); },
     [](Scale scale, FigureReport& report) { draw_scaling(report, rules, panels(scale)); }}};

}  // namespace
}  // namespace tersegrad
