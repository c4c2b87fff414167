// The options of the optimiser, and of how long it runs.
#include <algorithm>
#include <cmath>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/train/options/option_table.hpp"

namespace tersegrad {
namespace {

constexpr double sign_lr = 0.001;  // as for Adam, whose updates are of that size too

/// Whether what comes back are signs, ±1 however small the gradients are: the learning rate alone is then the step. The
/// compressor itself tells, by what it makes of one.
bool sends_signs(const std::string& spec) {
  constexpr std::int64_t dim = 128;
  CompressorSetup setup;
  setup.layout = {dim, 1};
  std::vector<float> gradient(dim), mean(dim);
  for (std::size_t j = 0; j < gradient.size(); ++j) gradient[j] = (j % 3 == 0 ? -1e-3f : 1e-3f) * static_cast<float>(j + 1);
  try {
    const auto compressor = CompressorRegistry::instance().make(spec, setup);
    const auto encoder = compressor->encoder(0);
    const auto aggregator = compressor->aggregator();
    const Bucket bucket{0, 0, dim};
    Message uplink, aggregate;
    encoder->begin_step(0, gradient);
    aggregator->begin_step(0);
    encoder->encode(bucket, gradient, uplink);
    const MessageView views[1] = {view(uplink)};
    aggregator->aggregate(bucket, views, aggregate);
    aggregator->decode(bucket, view(aggregate), mean);
  } catch (const Error&) {
    return false;  // the run's set-up refuses it, with the run's own dimension
  }
  return std::all_of(mean.begin(), mean.end(), [](float value) { return std::abs(value) == 1; });
}

/// A number, or auto, which depends on the compressor, read before it: 0.1 for updates that are gradients. With so long a
/// step for every coordinate a network diverges at once.
OptionField learning_rate() {
  OptionField made = field::real(&TrainConfig::lr, {.low = 0, .low_open = true}, "a positive number");
  made.words = {"auto"};
  made.read = [](TrainConfig& c, const std::string& option, const std::string& text) {
    c.lr = text != "auto" ? read_real(option, text) : sends_signs(c.compressor) ? sign_lr : TrainConfig().lr;
  };
  return made;
}

}  // namespace

std::vector<Option> optimizer_options() {
  return {
      {.name = "lr",
       .help = concat("learning rate η > 0; auto: ", TrainConfig().lr, ", and ", sign_lr,
                      " where signs come back, each a step of η (sign, majority, signum)"),
       .field = learning_rate(), .fallback = "auto", .line = 18},
      {.name = "schedule", .help = "constant, cosine[:FINAL] or step:EVERY[:GAMMA]", .field = field::text(&TrainConfig::schedule), .line = 19},
      {.name = "warmup", .help = "steps of linear warm-up", .unit = "steps", .field = field::integer(&TrainConfig::warmup, 0), .line = 20},
      {.name = "momentum", .help = "momentum, 0 ≤ µ < 1",
       .field = field::real(&TrainConfig::momentum, {.low = 0, .high = 1, .high_open = true}, "at least 0 and below 1"), .line = 21},
      {.name = "match",
       .help = "choose what is not given of --lr, --batch, --agents and --compressor so that the asymptotic loss is that of "
               "this run, e.g. method=dsgd,lr=0.1,batch=64,agents=4",
       .field = field::none(ValueKind::text)},
      {.name = "weight-decay", .help = "weight decay λ ≥ 0", .field = field::not_negative(&TrainConfig::weight_decay), .line = 22},
      {.name = "steps", .help = "steps", .unit = "steps", .field = field::integer(&TrainConfig::steps, 1), .line = 24, .may_differ = true},
      {.name = "sde", .help = "integrate the run's SDE instead (Euler-Maruyama), with so many time steps per step: dt = lr/SDE",
       .unit = "time steps per step", .field = field::integer(&TrainConfig::sde, 0), .without_value = "1", .line = 25},
      {.name = "seed", .help = "seed of every random stream", .field = field::seed(&TrainConfig::seed), .line = 26},
  };
}

}  // namespace tersegrad
