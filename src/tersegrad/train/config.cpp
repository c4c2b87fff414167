#include "tersegrad/train/config.hpp"

#include <cmath>

#include "tersegrad/core/error.hpp"

namespace tersegrad {

std::string to_string(NonfinitePolicy policy) {
  return policy == NonfinitePolicy::stop ? "stop" : policy == NonfinitePolicy::skip ? "skip" : "keep";
}

NonfinitePolicy parse_nonfinite(const std::string& text) {
  for (const auto policy : {NonfinitePolicy::stop, NonfinitePolicy::skip, NonfinitePolicy::keep}) {
    if (text == to_string(policy)) return policy;
  }
  throw Error(concat("--nonfinite is '", text, "' (must be one of: stop, skip, keep)"));
}

LogFields TrainConfig::describe() const {
  return {{"model", model, ""},
          {"dataset", dataset, ""},
          {"data", data.string(), ""},
          {"samples", samples, "rows"},
          {"replicas", replicas, ""},
          {"start", start, ""},
          {"skew", skew, ""},
          {"agents", agents, ""},
          {"batch", batch == 0 ? std::string("full") : std::to_string(batch), "rows"},
          {"sampling", sampling, ""},
          {"compressor", compressor, ""},
          {"noise", noise, ""},
          {"noise_batch", noise_batch, "rows"},
          {"exchange", exchange, ""},
          {"bucket", bucket, "coordinates"},
          {"verify", verify, ""},
          {"overlap", overlap, ""},
          {"lr", lr, ""},
          {"schedule", schedule, ""},
          {"warmup", warmup, "steps"},
          {"momentum", momentum, ""},
          {"weight_decay", weight_decay, ""},
          {"clip_norm", clip_norm, ""},
          {"steps", steps, "steps"},
          {"sde", sde, "time steps per step"},
          {"seed", static_cast<std::int64_t>(seed), ""},
          {"init_seed", static_cast<std::int64_t>(init_seed), ""},
          {"nonfinite", to_string(nonfinite), ""},
          {"eval_every", eval_every, "steps"},
          {"log_every", log_every, "steps"},
          {"noise_report", noise_report, "steps"},
          {"threads", static_cast<std::int64_t>(threads), ""}};
}

void TrainConfig::validate() const {
  const auto at_least = [](const char* option, std::int64_t value, std::int64_t low) {
    TERSEGRAD_CHECK(value >= low, "--", option, " is ", value, " (must be at least ", low, ")");
  };
  const auto not_negative = [](const char* option, double value) {
    TERSEGRAD_CHECK(std::isfinite(value) && value >= 0, "--", option, " is ", value, " (must be 0 or a positive number)");
  };
  TERSEGRAD_CHECK(std::isfinite(lr) && lr > 0, "--lr is ", lr, " (must be a positive number)");
  at_least("samples", samples, 0);
  at_least("replicas", replicas, 1);
  at_least("agents", agents, 0);
  at_least("noise-batch", noise_batch, 1);
  at_least("bucket", bucket, 1);
  at_least("warmup", warmup, 0);
  at_least("steps", steps, 1);
  at_least("sde", sde, 0);
  at_least("eval-every", eval_every, 0);
  at_least("log-every", log_every, 1);
  at_least("noise-report", noise_report, 0);
  at_least("threads", threads, 1);
  TERSEGRAD_CHECK(!overlap || (batch > 0 && clip_norm == 0), "--overlap sends parts of a mini-batch's gradient: not with --batch full or --clip-norm");
  TERSEGRAD_CHECK(replicas <= 1'000'000'000, "--replicas is ", replicas, " (must be at most 10^9)");
  not_negative("skew", skew);
  not_negative("clip-norm", clip_norm);
  not_negative("weight-decay", weight_decay);
  TERSEGRAD_CHECK(agents < (1 << 24), "--agents is ", agents, " (must be below 2^24)");
  TERSEGRAD_CHECK(momentum >= 0 && momentum < 1, "--momentum is ", momentum, " (must be at least 0 and below 1)");
  TERSEGRAD_CHECK(noise_report == 0 || batch > 0 || noise != "none",
                  "--noise-report has nothing to measure with --batch full and --noise none (all agents have the same gradient)");
  TERSEGRAD_CHECK(noise_report <= steps, "--noise-report is ", noise_report, " (must be at most --steps, ", steps,
                  ", for a report to be made)");
  TERSEGRAD_CHECK(sampling == "shuffle" || sampling == "iid", "--sampling is '", sampling, "' (must be one of: shuffle, iid)");
}

}  // namespace tersegrad
