#include "apps/tersegrad/train/resume.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "apps/common/command.hpp"
#include "apps/common/objective.hpp"
#include "apps/tersegrad/train/resume_auto.hpp"
#include "apps/tersegrad/train/train_options.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/system/file.hpp"
#include "tersegrad/core/system/file_system.hpp"
#include "tersegrad/train/checkpoint/checkpoint_folder.hpp"
#include "tersegrad/train/checkpoint/resumption.hpp"

namespace tersegrad {
namespace {

/// The options that make the configuration which a checkpoint keeps, as `train` would be given them.
std::vector<std::string> as_arguments(const std::string& lines, const std::vector<std::string>& given) {
  const bool gives_log = std::any_of(given.begin(), given.end(), [](const std::string& word) {
    return word.starts_with("--log") && !word.starts_with("--log-");
  });
  const auto pairs = parse_lines(lines);
  std::string model;
  for (const auto& [key, value] : pairs) {
    if (key == "model") model = value;
  }
  const std::vector<std::string> elsewhere = is_landscape(model)
      ? std::vector<std::string>{"dataset", "data", "samples", "sampling", "skew", "init_seed", "eval_every", "eval_samples", "batch"}
      : std::vector<std::string>{"replicas", "start"};
  std::vector<std::string> arguments;
  for (const auto& [key, value] : pairs) {
    if (std::find(elsewhere.begin(), elsewhere.end(), key) != elsewhere.end()) continue;
    if (key == "log" && gives_log) continue;  // a list: given again it would only grow
    std::string option = "--" + key;
    std::replace(option.begin(), option.end(), '_', '-');
    if (key == "overlap") {
      if (value == "1") arguments.push_back(option);
    } else if (key == "verify") {
      arguments.push_back(option + (value == "1" ? "=on" : "=off"));
    } else if (!value.empty()) {
      arguments.push_back(option + "=" + value);
    }
  }
  return arguments;
}

/// A run that has ended says so in its summary. One that was stopped in the evaluation after its last step has not.
void require_unfinished(const std::filesystem::path& folder, std::int64_t steps) {
  const auto summary = folder / "summary.json";
  std::error_code none;
  if (!std::filesystem::exists(summary, none)) return;
  const auto json = nlohmann::json::parse(read_file(summary), nullptr, false);
  if (!json.is_object() || !json.contains("steps") || !json["steps"].is_number_integer()) return;
  const auto done = json["steps"].get<std::int64_t>();
  TERSEGRAD_CHECK(json.value("diverged", nlohmann::json(false)) != true, "the run in '", folder.string(),
                  "' diverged at step ", done, ": there is nothing to go on with");
  const bool unevaluated = done == steps && json.value("interrupted", nlohmann::json(false)) == true;
  TERSEGRAD_CHECK(done < steps || unevaluated, "the run in '", folder.string(), "' is finished (", done,
                  " steps); give more --steps to go on");
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

cxxopts::ParseResult parse_arguments(std::vector<std::string> arguments) {
  auto options = declare_train_options();
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  bool help = false;
  return parse_options(options, static_cast<int>(arguments.size()), pointers.data(), help);
}

std::string resumed_folder(const cxxopts::ParseResult& parsed) {
  const auto folder = parsed["resume"].as<std::string>();
  if (folder == resume_auto) {
    TERSEGRAD_CHECK(parsed.count("out"), "--resume auto goes on with the run in --out DIR, or starts it there: it needs "
                    "--out (a folder that is called auto: --resume ./auto)");
    TERSEGRAD_CHECK(!parsed.count("sde"), "--sde writes no checkpoints: leave out --resume auto");
    TERSEGRAD_CHECK(!parsed.count("overwrite") || parsed["overwrite"].as<std::string>() != "checkpoints",
                    "--resume auto goes on from checkpoints, and --overwrite=checkpoints removes them: give one of both");
    return folder;
  }
  for (const char* option : {"overwrite", "match", "sign-zero", "sde"}) {
    TERSEGRAD_CHECK(!parsed.count(option), "--", option,
                    " means nothing beside --resume (the run goes on with its own options)");
  }
  TERSEGRAD_CHECK(!folder.empty(), "--resume is '' (must be the folder of a run, its --out)");
  TERSEGRAD_CHECK(!parsed.count("out") || parsed["out"].as<std::string>() == folder, "--out is '",
                  parsed.count("out") ? parsed["out"].as<std::string>() : "", "' and --resume '", folder,
                  "' (a run goes on in its own folder; leave --out out)");
  return folder;
}

std::unique_ptr<CheckpointFile> load_resumed(const Communicator& world, const std::string& folder,
                                             const std::vector<std::string>& arguments, TrainConfig& config) {
  std::unique_ptr<CheckpointFile> checkpoint;
  std::string lines;
  collectively(world, [&] {
    if (world.rank() != 0) return;
    TERSEGRAD_CHECK(is_folder(folder), "nothing to resume: there is no folder '", folder, "'");
    checkpoint = std::make_unique<CheckpointFile>(CheckpointFolder(folder).newest(
        [](const std::string& remark) { std::fprintf(stderr, "tersegrad: %s\n", remark.c_str()); }));
    lines = configuration_of(checkpoint->view);
  });
  const auto all = world.all_gather_pieces(std::as_bytes(std::span(lines)));
  lines = text_of(all.from(0));
  collectively(world, [&] {
    std::vector<std::string> words = as_arguments(lines, arguments);
    words.insert(words.begin(), arguments.front());
    words.insert(words.end(), arguments.begin() + 1, arguments.end());
    config = read_train_config(parse_arguments(std::move(words)));
    config.out = folder;
    require_same_run(lines, config);
    if (world.rank() == 0) require_unfinished(folder, config.steps);
  });
  return checkpoint;
}

}  // namespace tersegrad
