// summary.json: what a finished run amounts to, under keys that scripts rely on.
#include <array>
#include <memory>
#include <string>
#include <variant>

#include <nlohmann/json.hpp>

#include "tersegrad/core/system/file.hpp"
#include "tersegrad/log/write/log.hpp"

namespace tersegrad {
namespace {

/// Always present and first, in this order; null where a run does not have one. Bytes are per agent.
constexpr std::array promised_keys = {
    "model",         "dataset",      "parameters",      "agents",           "processes",        "compressor",
    "noise",         "exchange",     "steps",           "seed",             "diverged",         "loss_first",
    "loss_last",     "test_accuracy", "uplink_bytes_per_step", "downlink_bytes_per_step", "dense_bytes_per_step",
    "savings_uplink", "savings_downlink", "time_total_s", "time_compute_s",  "time_compress_s",  "time_exchange_s",
    "time_apply_s",  "nonfinite_steps"};

class SummarySink final : public Sink {
 public:
  void begin(const RunInfo& info) override { path_ = sink_path(info, "summary", "summary.json"); }
  void write(const std::vector<double>&) override {}

  void finish(const LogFields& summary) override {
    nlohmann::ordered_json json;
    for (const char* key : promised_keys) json[key] = nullptr;
    for (const auto& field : summary) {
      std::visit([&](const auto& value) { json[field.key] = value; }, field.value);  // non-finite: printed as null
    }
    // Text that is not UTF-8 (a path, say) is shown with replacement characters instead of refused.
    write_file(path_, json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  }

 private:
  std::filesystem::path path_;
};

const Registration<Sink> registration{"summary", "summary.json: totals of the finished run", {},
                                      [](const Arguments&) { return std::make_unique<SummarySink>(); }};

}  // namespace
}  // namespace tersegrad
