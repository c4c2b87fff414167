// tersegrad data: which data sets there are, and what is in one.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iostream>
#include <limits>
#include <numeric>

#include "apps/common/command.hpp"
#include "tersegrad/core/terminal/table.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/data/dataset.hpp"
#include "tersegrad/data/readers/folder.hpp"
#include "tersegrad/data/shard.hpp"

namespace tersegrad {
namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const auto size : shape) text += (text.empty() ? "" : "x") + std::to_string(size);
  return text;
}

void list(const DataSource& source) {
  for (const auto& [name, entry] : DatasetRegistry::instance().entries()) {
    std::cout << name << ": " << entry.summary << "\n    ";
    try {
      const auto data = DatasetRegistry::instance().make(name, source);
      std::cout << "ready: " << data->train().size() << " training and " << data->test().size() << " test rows of "
                << shape_text(data->shape()) << "\n";
    } catch (const Error& error) {
      std::cout << "not ready: " << error.what() << "\n";
    }
  }
}

std::vector<std::string> class_heading(const Dataset& data, std::vector<std::string> heading) {
  const auto names = data.class_names();
  for (std::int64_t c = 0; c < data.classes(); ++c) {
    const auto index = static_cast<std::size_t>(c);
    heading.push_back(index < names.size() && names[index] != std::to_string(c) ? std::to_string(c) + " " + names[index]
                                                                                : std::to_string(c));
  }
  return heading;
}

void add_row(TextTable& table, const std::string& name, const std::vector<std::int64_t>& counts) {
  std::vector<std::string> row{name, std::to_string(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}))};
  for (const auto count : counts) row.push_back(std::to_string(count));
  table.add(std::move(row));
}

std::vector<std::int64_t> class_counts(const Examples& examples, std::int64_t classes) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(classes));
  for (const auto label : labels_of(examples)) ++counts.at(static_cast<std::size_t>(label));
  return counts;
}

/// One line about the normalised features of a split: they should have mean 0 and deviation 1 on the training split.
/// \throws Error if one is not finite
std::string feature_summary(const Dataset& data, const Examples& examples) {
  const auto shape = data.shape();
  const auto width = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  std::vector<float> x(static_cast<std::size_t>(width));
  double sum = 0;
  double squares = 0;
  double smallest = std::numeric_limits<double>::infinity();
  double largest = -smallest;
  for (std::int64_t row = 0; row < examples.size(); ++row) {
    examples.features({&row, 1}, x);
    for (const float value : x) {
      TERSEGRAD_CHECK(std::isfinite(value), "data set '", data.name(), "' has a feature that is not finite in row ",
                      row);
      sum += value;
      squares += static_cast<double>(value) * value;
      smallest = std::min<double>(smallest, value);
      largest = std::max<double>(largest, value);
    }
  }
  const double count = static_cast<double>(width) * static_cast<double>(examples.size());
  const double mean = sum / count;
  char text[160];
  std::snprintf(text, sizeof text, "mean %.4f, deviation %.4f, from %.3f to %.3f, all finite", mean,
                std::sqrt(std::max(0.0, squares / count - mean * mean)), smallest, largest);
  return text;
}

void show(const Dataset& data) {
  std::cout << data.name() << ": features of shape " << shape_text(data.shape()) << ", " << data.classes()
            << " classes\n\n";
  if (data.labels_per_row() > 1) {
    for (const auto& [name, split] : {std::pair{"train", &data.train()}, std::pair{"test", &data.test()}}) {
      std::cout << name << ": " << split->size() << " rows of " << data.labels_per_row()
                << " tokens, each with the next\n";
    }
    return;
  }
  TextTable table(class_heading(data, {"split", "rows"}));
  add_row(table, "train", class_counts(data.train(), data.classes()));
  add_row(table, "test", class_counts(data.test(), data.classes()));
  std::cout << table.str() << "\ntrain features: " << feature_summary(data, data.train())
            << "\ntest features:  " << feature_summary(data, data.test()) << "\n";
}

void show_shards(const Dataset& data, std::int64_t agents, double skew, std::uint64_t seed) {
  if (data.labels_per_row() > 1) {
    TERSEGRAD_CHECK(skew == 0, "--skew is ", skew, ", but data set '", data.name(),
                    "' has no classes of rows to skew shards by; leave it out");
    TextTable table({"agent", "rows"});
    const auto shards = even_shards(data.train().size(), agents, seed);
    for (std::size_t agent = 0; agent < shards.size(); ++agent)
      table.add({std::to_string(agent), std::to_string(shards[agent].size())});
    std::cout << "\n" << table.str();
    return;
  }
  const auto labels = labels_of(data.train());
  const auto shards = skew > 0 ? skewed_shards(labels, data.classes(), agents, skew, seed)
                               : even_shards(data.train().size(), agents, seed);
  const auto partition = measure_partition(shards, labels, data.classes());
  TextTable table(class_heading(data, {"agent", "rows"}));
  for (std::size_t agent = 0; agent < shards.size(); ++agent)
    add_row(table, std::to_string(agent), partition.histogram[agent]);
  std::cout << "\n"
            << table.str() << "\nskew (mean total variation distance of the agents' class shares from all): "
            << format_number(partition.skew) << "\n";
}

int run(int argc, char** argv) {
  cxxopts::Options options("tersegrad data", "The data sets: which are ready, and the shape, rows and classes of one");
  options.positional_help("[NAME]");
  options.add_options()("name", "data set to show; without it, all are listed", cxxopts::value<std::string>())(
      "data", concat("folder of the original files; without it ", data_folder_rule), cxxopts::value<std::string>())(
      "seed", "seed of the split, the samples and the shards", cxxopts::value<std::uint64_t>()->default_value("1"))(
      "samples", "use only so many training rows (0: all)", cxxopts::value<std::int64_t>()->default_value("0"))(
      "agents", "also show the shards of so many agents (0: none)", cxxopts::value<std::int64_t>()->default_value("0"))(
      "skew", "Dirichlet parameter of class-skewed shards, > 0 (0: even shards)",
      cxxopts::value<double>()->default_value("0"))("h,help", "this text");
  options.parse_positional({"name"});
  bool done = false;
  const auto given = parse_options(options, argc, argv, done);
  if (done) return 0;
  const auto folder = given.count("data") ? std::filesystem::absolute(given["data"].as<std::string>()) : default_data_folder();
  const DataSource source{folder.lexically_normal(), given["seed"].as<std::uint64_t>(), given["samples"].as<std::int64_t>(),
                          [](const std::string& text) { std::fprintf(stderr, "tersegrad: %s\n", text.c_str()); }};
  for (const char* option : {"agents", "skew"}) {
    TERSEGRAD_CHECK(!given.count(option) || given.count("name"), "--", option, " means nothing without a data set's NAME");
  }
  TERSEGRAD_CHECK(!given.count("skew") || given.count("agents"), "--skew means nothing without --agents");
  if (given.count("name") == 0) {
    list(source);
    return 0;
  }
  const auto name = given["name"].as<std::string>();
  TERSEGRAD_CHECK(!given.count("data") || !built_in_datasets().contains(Spec::parse(name).name),
                  "--data means nothing to data set '", name, "' (it is built in and reads no files); leave it out");
  const auto data = DatasetRegistry::instance().make(name, source);
  show(*data);
  const auto agents = given["agents"].as<std::int64_t>();
  const auto skew = given["skew"].as<double>();
  TERSEGRAD_CHECK(skew >= 0, "--skew is ", skew, " (must be above 0, or 0 for even shards)");
  TERSEGRAD_CHECK(agents >= 0, "--agents is ", agents, " (must be at least 1, or 0 for no shards)");
  if (agents > 0) show_shards(*data, agents, skew, source.seed);
  return 0;
}

const CatalogueEntry<Command> registration{"data", {"data sets: which are ready, and what is in one", run, false, true}};

}  // namespace
}  // namespace tersegrad
