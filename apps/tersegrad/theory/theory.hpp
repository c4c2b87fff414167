// What the subcommands of `tersegrad theory` and `tersegrad scale` share: options, and a report in two forms.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "apps/common/command.hpp"
#include "tersegrad/core/catalogue.hpp"
#include "tersegrad/theory/landscapes/landscape.hpp"
#include "tersegrad/theory/student/noise_scales.hpp"

namespace tersegrad {

/// Named values and one table, printed for people or as JSON. Numbers that are not finite are the texts "inf", "-inf"
/// and "nan" in JSON, which has none of its own.
class Report {
 public:
  using Value = std::variant<double, std::string>;
  void add(const std::string& key, Value value, const std::string& meaning);
  void columns(std::vector<std::string> names) { columns_ = std::move(names); }
  void row(std::vector<Value> cells) { rows_.push_back(std::move(cells)); }
  /// A line of warning: on stderr for people, in "warnings" of the JSON.
  void warn(const std::string& text) { warnings_.push_back(text); }
  void print(bool json) const;

 private:
  struct Item {
    std::string key;
    Value value;
    std::string meaning;
  };
  std::vector<Item> items_;
  std::vector<std::string> columns_;
  std::vector<std::vector<Value>> rows_;
  std::vector<std::string> warnings_;
};

/// A number option; "inf" is one. \throws Error naming the option unless it is a number in [low, high] (above low if
/// `open`)
double real_option(const cxxopts::ParseResult& result, const std::string& name, double low, double high,
                   bool open = false);
/// A whole-number option. \throws Error
std::int64_t integer_option(const cxxopts::ParseResult& result, const std::string& name, std::int64_t low,
                            std::int64_t high);

/// ω of a compressor by its spelling. \param dim coordinates; 0: not known, then "none" and "randk:FRACTION" only
/// \throws Error for a biased compressor, or if dim is needed
double compressor_omega(const std::string& spec, std::int64_t dim);

/// A method on an objective under noise: what bound, stationary and sde start from.
struct TheoryRun {
  std::string method;                    ///< dsgd, dcsgd, dsignsgd
  std::unique_ptr<Landscape> objective;  ///< null if only constants were given
  std::int64_t dim = 0;
  double lr = 0;
  double batch = 1;
  std::int64_t agents = 1;
  double omega = 0;
  NoiseScales noise{1.0, 0.0};
  std::string noise_name;
  bool joint_noise = false;
};

/// Declares --method, --objective, --lr, --agents, --batch, --noise, --compressor, --omega, --json, --help.
void add_run_options(cxxopts::Options& options, const std::string& methods);
/// \param methods allowed values of --method   \param needs_objective false: --dim does for it
TheoryRun read_run(const cxxopts::ParseResult& result, const std::vector<std::string>& methods, bool needs_objective);
/// The run's options, to open a report with.
void describe(Report& report, const TheoryRun& run);

/// One subcommand of `theory`; its files register themselves.
struct TheoryCommand {
  static constexpr const char* family = "theory command";
  std::string summary;
  std::function<int(int argc, char** argv)> run;
};
using TheoryCommands = Catalogue<TheoryCommand>;

}  // namespace tersegrad
