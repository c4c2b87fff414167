#include "apps/tersegrad/train/unused_options.hpp"

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/data/dataset.hpp"
#include "tersegrad/log/sink.hpp"

namespace tersegrad {
namespace {

const TrainConfig defaults;

bool is_of_sde(const TrainConfig& c) { return c.sde > 0; }

/// One way in which an option can be without effect.
struct Rule {
  const char* option;
  bool (*unused)(const TrainConfig&);  ///< given so, and without effect
  const char* why;
  bool harmless = false;
};

/// An SDE is integrated by all ranks together and exchanges no messages. The same command with and without --sde is what
/// people compare, so what concerns messages alone is not refused.
constexpr const char* no_messages = "--sde exchanges no messages";

const Rule rules[] = {
    {"data", [](const TrainConfig& c) { return built_in_datasets().contains(Spec::parse(c.dataset).name); },
     "the data set is built in and reads no files; choose another with --dataset"},
    {"overwrite", [](const TrainConfig& c) { return c.out.empty(); }, "without --out nothing is written"},
    {"keep", [](const TrainConfig& c) { return c.keep != defaults.keep && !c.checkpoints(); },
     "without --checkpoint-every there are no checkpoints"},
    {"sampling", [](const TrainConfig& c) { return c.sampling != defaults.sampling && c.batch == 0; },
     "--batch full takes every row"},
    {"skew", [](const TrainConfig& c) { return c.skew > 0 && c.batch == 0; },
     "with --batch full all agents share the gradient of all rows"},
    {"noise-batch", [](const TrainConfig& c) { return c.noise_batch != defaults.noise_batch && c.noise == "none"; },
     "it scales --noise, and there is none"},
    {"eval-every", [](const TrainConfig& c) { return c.eval_every > 0 && is_of_sde(c); },
     "--sde evaluates at its end only"},
    {"noise-report", [](const TrainConfig& c) { return c.noise_report > 0 && is_of_sde(c); }, "--sde draws no gradients"},
    {"nonfinite", [](const TrainConfig& c) { return c.nonfinite != defaults.nonfinite && is_of_sde(c); },
     "--sde ends where its loss is not finite"},
    {"exchange", [](const TrainConfig& c) { return c.exchange != defaults.exchange && is_of_sde(c); }, no_messages, true},
    {"bucket", [](const TrainConfig& c) { return c.bucket != defaults.bucket && is_of_sde(c); }, no_messages, true},
    {"verify", [](const TrainConfig& c) { return c.verify != defaults.verify && is_of_sde(c); }, no_messages, true},
    {"overlap", [](const TrainConfig& c) { return c.overlap && Spec::parse(c.exchange).name == "mpi-allreduce"; },
     "--exchange mpi-allreduce sends nothing before the gradient is complete", true},
};

/// Sinks that are named and would have nowhere to write.
std::string homeless_sinks(const TrainConfig& config) {
  std::vector<std::string> names;
  for (const auto& sink : config.sinks) {
    if (SinkRegistry::instance().make(sink)->needs_folder()) names.push_back(Spec::parse(sink).name);
  }
  return join(names);
}

}  // namespace

std::vector<std::string> check_unused_options(const cxxopts::ParseResult& parsed, const TrainConfig& config) {
  std::vector<std::string> remarks;
  for (const auto& rule : rules) {
    if (!parsed.count(rule.option) || !rule.unused(config)) continue;
    if (!rule.harmless) throw Error(concat("--", rule.option, " would change nothing: ", rule.why, "; leave it out"));
    remarks.push_back(concat("--", rule.option, " changes nothing: ", rule.why));
  }
  if (parsed.count("log") && config.out.empty()) {
    const std::string names = homeless_sinks(config);
    TERSEGRAD_CHECK(names.empty(), "--log names ", names, ", which would change nothing: without --out nothing is written");
  }
  return remarks;
}

}  // namespace tersegrad
