// The options of the agents and their gradients.
#include "tersegrad/core/error.hpp"
#include "tersegrad/train/options/option_table.hpp"

namespace tersegrad {
namespace {

/// `full` or a number of rows.
OptionField batch() {
  OptionField made{.kind = ValueKind::integer, .words = {"full"}, .range = {.low = 1}, .members = {offset_of(&TrainConfig::batch)}};
  made.read = [](TrainConfig& c, const std::string& option, const std::string& text) {
    c.batch = text == "full" ? 0 : read_integer(option, text);
    TERSEGRAD_CHECK(text == "full" || c.batch >= 1, option, " is ", c.batch, " (must be at least 1, or 'full')");
  };
  made.value = [](const TrainConfig& c) { return c.batch == 0 ? std::string("full") : std::to_string(c.batch); };
  return completed(made);
}

void refuse_rows(const TrainConfig& c) {
  TERSEGRAD_CHECK(c.batch == 0, "landscape '", c.model,
                  "' has no rows to take a batch of (leave out --batch; --noise and --noise-batch B give σ/√B)");
}

}  // namespace

std::vector<Option> agent_options() {
  static const TrainConfig defaults;
  return {
      {.name = "agents", .help = "number of agents N; 0: one for each rank that hosts any",
       .field = field::integer(&TrainConfig::agents, 0, (1 << 24) - 1, "below 2^24"), .line = 8},
      {.name = "batch", .help = "rows per agent and step, or `full`: the full gradient, which all ranks compute together", .unit = "rows",
       .field = batch(), .line = 9, .only_for = ModelKind::network, .other_kind = "full", .refuse_for_other_kind = refuse_rows},
      {.name = "sampling", .help = "shuffle (epochs without replacement) or iid (with replacement)",
       .field = field::word(&TrainConfig::sampling, {"shuffle", "iid"}), .line = 10, .only_for = ModelKind::network,
       .unused = {{[](const TrainConfig& c) { return c.sampling != defaults.sampling && c.batch == 0; },
                   "--batch full takes every row"}}},
      {.name = "skew", .help = "class-skewed shards: Dirichlet parameter > 0, small is skewed; 0: even shards",
       .field = field::not_negative(&TrainConfig::skew), .line = 7, .only_for = ModelKind::network,
       .unused = {{[](const TrainConfig& c) { return c.skew > 0 && c.batch == 0; },
                   "with --batch full all agents share the gradient of all rows"}}},
      {.name = "noise", .help = "noise added to every agent's gradient", .field = field::text(&TrainConfig::noise), .line = 12},
      {.name = "noise-batch", .help = "batch B that the noise stands for: its scale is σ/√B", .unit = "rows",
       .field = field::integer(&TrainConfig::noise_batch, 1), .line = 13,
       .unused = {{[](const TrainConfig& c) { return c.noise_batch != defaults.noise_batch && c.noise == "none"; },
                   "it scales --noise, and there is none"}}},
      {.name = "clip-norm", .help = "scale each agent's gradient down to this Euclidean norm before noise; 0: off",
       .field = field::not_negative(&TrainConfig::clip_norm), .line = 23},
  };
}

}  // namespace tersegrad
