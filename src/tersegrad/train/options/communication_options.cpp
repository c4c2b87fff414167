// The options of compression and exchange.
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/train/options/option_table.hpp"

namespace tersegrad {
namespace {

const std::vector<std::string> zero_rules{"exact", "random", "plus"};

/// `sign` and --sign-zero R become `sign:zero=R`, for any compressor that has such an argument.
std::string with_zero_rule(const std::string& compressor, const std::string& rule) {
  const Spec spec = Spec::parse(compressor);
  const auto& entries = CompressorRegistry::instance().entries();
  const auto found = entries.find(spec.name);
  if (found == entries.end()) return compressor;  // the registry will refuse it by name
  for (const auto& parameter : found->second.parameters) {
    if (parameter.name == "zero") return compressor + ":zero=" + rule;
  }
  throw Error(concat("--sign-zero means nothing to compressor '", compressor, "'"));
}

/// Another spelling of a compressor's argument, read after the compressor: it has no member of its own.
OptionField zero_rule() {
  OptionField made{.kind = ValueKind::word, .words = zero_rules};
  made.read = [](TrainConfig& c, const std::string&, const std::string& text) { c.compressor = with_zero_rule(c.compressor, text); };
  return completed(made);
}

OptionField nonfinite() {
  OptionField made{.kind = ValueKind::word, .members = {offset_of(&TrainConfig::nonfinite)}};
  for (const auto policy : {NonfinitePolicy::stop, NonfinitePolicy::skip, NonfinitePolicy::keep}) {
    made.words.push_back(to_string(policy));
  }
  made.read = [](TrainConfig& c, const std::string&, const std::string& text) { c.nonfinite = parse_nonfinite(text); };
  made.value = [](const TrainConfig& c) { return to_string(c.nonfinite); };
  return completed(made);
}

/// An SDE is integrated by all ranks together and exchanges no messages. The same command with and without --sde is what
/// people compare, so what concerns messages alone is not refused.
constexpr const char* no_messages = "--sde exchanges no messages";

void require_mini_batch(const TrainConfig& c) {
  TERSEGRAD_CHECK(!c.overlap || (c.batch > 0 && c.clip_norm == 0),
                  "--overlap sends parts of a mini-batch's gradient: not with --batch full or --clip-norm");
}

}  // namespace

std::vector<Option> communication_options() {
  static const TrainConfig defaults;
  return {
      {.name = "compressor", .help = "compressor", .field = field::text(&TrainConfig::compressor), .line = 11},
      {.name = "sign-zero", .help = "what sign(0) is: exact, random or plus (short for sign:zero=…)", .field = zero_rule()},
      {.name = "exchange", .help = "how messages come together",
       .field = field::text(&TrainConfig::exchange), .line = 14, .may_differ = true,
       .unused = {{[](const TrainConfig& c) { return c.exchange != defaults.exchange && c.sde > 0; }, no_messages, true}}},
      {.name = "bucket", .help = "coordinates per message, at most", .unit = "coordinates",
       .field = field::integer(&TrainConfig::bucket, 1), .line = 15, .may_differ = true,
       .unused = {{[](const TrainConfig& c) { return c.bucket != defaults.bucket && c.sde > 0; }, no_messages, true}}},
      {.name = "verify", .help = "checksums on the messages between ranks: on or off; a difference ends the run",
       .field = field::on_or_off(&TrainConfig::verify), .line = 16, .may_differ = true,
       .unused = {{[](const TrainConfig& c) { return c.verify != defaults.verify && c.sde > 0; }, no_messages, true}}},
      {.name = "overlap", .help = "send the gradient's buckets while backward still computes the next ones",
       .field = field::flag(&TrainConfig::overlap), .line = 17, .may_differ = true,
       .unused = {{[](const TrainConfig& c) { return c.overlap && Spec::parse(c.exchange).name == "mpi-allreduce"; },
                   "--exchange mpi-allreduce sends nothing before the gradient is complete", true}},
       .fits = require_mini_batch},
      {.name = "nonfinite", .help = "when a gradient has inf or NaN: stop, skip (the step) or keep (go on)",
       .field = nonfinite(), .line = 28,
       .unused = {{[](const TrainConfig& c) { return c.nonfinite != defaults.nonfinite && c.sde > 0; },
                   "--sde ends where its loss is not finite"}}},
  };
}

}  // namespace tersegrad
