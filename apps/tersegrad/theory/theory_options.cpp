// What the subcommands of theory and scale share.
#include <cmath>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>

#include "apps/tersegrad/theory/theory.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/terminal/table.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/noise/noise.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

nlohmann::ordered_json to_json(const Report::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  const double number = std::get<double>(value);
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  return number;
}

std::string to_text(const Report::Value& value, int digits) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return format_number(std::get<double>(value), digits);
}

}  // namespace

void Report::add(const std::string& key, Value value, const std::string& meaning) {
  items_.push_back({key, std::move(value), meaning});
}

void Report::print(bool json) const {
  if (json) {
    nlohmann::ordered_json object;
    for (const auto& item : items_) object[item.key] = to_json(item.value);
    if (!columns_.empty()) {
      auto& table = object["table"] = nlohmann::ordered_json::array();
      for (const auto& cells : rows_) {
        nlohmann::ordered_json record;
        for (std::size_t i = 0; i < columns_.size(); ++i) record[columns_[i]] = to_json(cells[i]);
        table.push_back(record);
      }
    }
    object["warnings"] = warnings_;
    std::cout << object.dump(2) << std::endl;
    return;
  }
  std::size_t key_width = 0, value_width = 0;
  for (const auto& item : items_) {
    key_width = std::max(key_width, item.key.size());
    if (!item.meaning.empty()) value_width = std::max(value_width, to_text(item.value, 6).size());
  }
  for (const auto& item : items_) {
    const std::string value = to_text(item.value, 6);
    std::string label = item.key + std::string(key_width - item.key.size() + 2, ' ') + value;
    if (!item.meaning.empty()) label += std::string(value_width - value.size() + 2, ' ');
    std::cout << hanging(label, item.meaning, output_columns());
  }
  if (!columns_.empty()) {
    TextTable table(columns_);
    for (const auto& cells : rows_) {
      std::vector<std::string> texts;
      for (const auto& cell : cells) texts.push_back(to_text(cell, 5));
      table.add(std::move(texts));
    }
    std::cout << "\n" << table.str();
  }
  std::cout << std::flush;
  for (const auto& text : warnings_) std::cerr << "tersegrad: warning: " << text << "\n";
}

double real_option(const cxxopts::ParseResult& result, const std::string& name, double low, double high, bool open) {
  const auto& text = result[name].as<std::string>();
  double value = 0;
  const bool good = parse_real(text, value) && (open ? value > low : value >= low) && value <= high;
  const bool bounded = high < 1e100;
  TERSEGRAD_CHECK(good, "--", name, " is '", text, "' (must be a number ", open ? "above " : "from ", low,
                  bounded ? concat(open ? " and at most " : " to ", high) : std::string(), ")");
  return value;
}

std::int64_t integer_option(const cxxopts::ParseResult& result, const std::string& name, std::int64_t low,
                            std::int64_t high) {
  const auto& text = result[name].as<std::string>();
  std::int64_t value = 0;
  TERSEGRAD_CHECK(parse_integer(text, value) && value >= low && value <= high, "--", name, " is '", text,
                  "' (must be a whole number from ", low, " to ", high, ")");
  return value;
}

double compressor_omega(const std::string& spec, std::int64_t dim) {
  if (dim > 0) {
    CompressorSetup setup;
    setup.layout = {dim, 1};
    const auto compressor = CompressorRegistry::instance().make(spec, setup);
    const auto traits = compressor->traits();
    TERSEGRAD_CHECK(traits.is_unbiased(), "compressor '", spec,
                    "' is biased (DCSGD's theory needs an unbiased one, e.g. randk:0.1, or --omega)");
    return traits.constant;
  }
  const Spec parsed = Spec::parse(spec);
  if (parsed.name == "none" && parsed.arguments.empty()) return 0;
  double fraction = 0;
  if (parsed.name == "randk" && !parsed.arguments.empty() && parse_real(parsed.arguments.front().second, fraction) &&
      fraction > 0 && fraction < 1) {
    return 1 / fraction - 1;  // ω = d/k − 1
  }
  throw Error(concat("compressor '", spec,
                     "' has no known omega without the number of coordinates (give --dim, or --omega itself)"));
}

void add_run_options(cxxopts::Options& options, const std::string& methods) {
  const auto text = [] { return cxxopts::value<std::string>(); };
  options.add_options("Run")
      ("method", methods, text())
      ("objective", "landscape: quadratic:2,1x9, rosenbrock, saddle, ...", text())
      ("lr", "learning rate eta", text()->default_value("0.01"))
      ("agents", "number of agents N", text()->default_value("1"))
      ("batch", "batch B of an agent: the noise's scale is sigma/sqrt(B)", text()->default_value("1"))
      ("noise", "none, gaussian:SIGMA, student:NU:SIGMA, ... at batch 1", text()->default_value("gaussian:1"))
      ("compressor", "unbiased compressor of dcsgd: none, randk:K, ...", text())
      ("omega", "its variance factor instead (Rand-k: d/k - 1)", text());
  options.add_options("Output")("json", "as JSON")("h,help", "this text");
}

TheoryRun read_run(const cxxopts::ParseResult& result, const std::vector<std::string>& methods, bool needs_objective) {
  TheoryRun run;
  TERSEGRAD_CHECK(result.count("method"), "--method is missing (one of: ", join(methods), ")");
  run.method = result["method"].as<std::string>();
  TERSEGRAD_CHECK(std::find(methods.begin(), methods.end(), run.method) != methods.end(), "unknown method '",
                  run.method, "' (known: ", join(methods), ")");
  if (result.count("objective")) {
    run.objective = LandscapeRegistry::instance().make(result["objective"].as<std::string>());
    run.dim = run.objective->dim();
  } else {
    TERSEGRAD_CHECK(!needs_objective, "--objective is missing (known: ", join(LandscapeRegistry::instance().names()),
                    ")");
    TERSEGRAD_CHECK(
        result.count("dim"),
        "--objective is missing (or give --dim, --smoothness, --mu and --gap for an objective of your own)");
    run.dim = integer_option(result, "dim", 1, std::int64_t{1} << 48);
  }
  run.lr = real_option(result, "lr", 0, 1e300, true);
  run.batch = real_option(result, "batch", 0, 1e300, true);
  run.agents = integer_option(result, "agents", 1, 1 << 24);

  const auto noise = NoiseRegistry::instance().make(result["noise"].as<std::string>());
  run.noise_name = noise->name();
  run.joint_noise = !noise->has_independent_coordinates();
  if (noise->is_none()) {
    run.noise = NoiseScales(infinity, 0.0);
  } else {
    std::vector<double> scales = {noise->sigma_at(0)};
    for (std::int64_t j = 1; j < std::min<std::int64_t>(run.dim, 1 << 20); ++j) {
      const double sigma = noise->sigma_at(j);
      if (scales.size() == 1 && sigma == scales.front()) continue;
      scales.resize(static_cast<std::size_t>(j), scales.front());
      scales.push_back(sigma);
    }
    run.noise = NoiseScales(noise->nu(), {scales});
  }
  run.noise.require_fit(run.agents, run.dim);

  TERSEGRAD_CHECK(!(result.count("omega") && result.count("compressor")),
                  "--omega and --compressor are two ways to say one thing (give one)");
  const bool sparsified = run.method == "dcsgd";
  TERSEGRAD_CHECK(sparsified || !(result.count("omega") || result.count("compressor")), "method '", run.method,
                  "' takes no --compressor or --omega (dcsgd does)");
  if (sparsified) {
    TERSEGRAD_CHECK(result.count("omega") || result.count("compressor"),
                    "dcsgd needs --compressor or --omega (without compression it is dsgd)");
    run.omega = result.count("omega") ? real_option(result, "omega", 0, 1e300)
                                      : compressor_omega(result["compressor"].as<std::string>(), run.dim);
  }
  return run;
}

void describe(Report& report, const TheoryRun& run) {
  report.add("method", run.method, "");
  if (run.objective) report.add("objective", run.objective->name(), "");
  report.add("dim", static_cast<double>(run.dim), "coordinates d");
  report.add("lr", run.lr, "learning rate eta; time is t = k eta");
  report.add("agents", static_cast<double>(run.agents), "N");
  report.add("batch", run.batch, "B");
  report.add("noise", run.noise_name, "of one agent's gradient at batch 1");
  if (run.method == "dcsgd") report.add("omega", run.omega, "the compressor's variance factor");
}

}  // namespace tersegrad
