#include "apps/tersegrad/train/resume.hpp"

#include <cstdio>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "apps/tersegrad/train/resume_auto.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/system/file.hpp"
#include "tersegrad/core/system/file_system.hpp"
#include "tersegrad/train/checkpoint/checkpoint_folder.hpp"
#include "tersegrad/train/checkpoint/recorded_plugins.hpp"
#include "tersegrad/train/checkpoint/resumption.hpp"
#include "tersegrad/train/options/read_options.hpp"

namespace tersegrad {
namespace {

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

std::string resumed_folder(const OptionValues& given) {
  const auto folder = given.text("resume");
  if (folder == resume_auto) {
    TERSEGRAD_CHECK(given.contains("out"), "--resume auto goes on with the run in --out DIR, or starts it there: it needs "
                    "--out (a folder that is called auto: --resume ./auto)");
    TERSEGRAD_CHECK(!given.contains("sde"), "--sde writes no checkpoints: leave out --resume auto");
    TERSEGRAD_CHECK(!given.contains("overwrite") || given.text("overwrite") != "checkpoints",
                    "--resume auto goes on from checkpoints, and --overwrite=checkpoints removes them: give one of both");
    return folder;
  }
  for (const char* option : {"overwrite", "match", "sign-zero", "sde"}) {
    TERSEGRAD_CHECK(!given.contains(option), "--", option,
                    " means nothing beside --resume (the run goes on with its own options)");
  }
  TERSEGRAD_CHECK(!folder.empty(), "--resume is '' (must be the folder of a run, its --out)");
  TERSEGRAD_CHECK(!given.contains("out") || given.text("out") == folder, "--out is '",
                  given.text("out"), "' and --resume '", folder,
                  "' (a run goes on in its own folder; leave --out out)");
  return folder;
}

std::unique_ptr<CheckpointFile> load_resumed(const Communicator& world, const std::string& folder,
                                             const OptionValues& given, TrainConfig& config) {
  std::unique_ptr<CheckpointFile> checkpoint;
  std::string lines;
  collectively(world, [&] {
    if (world.rank() != 0) return;
    TERSEGRAD_CHECK(is_folder(folder), "nothing to resume: there is no folder '", folder, "'");
    checkpoint = std::make_unique<CheckpointFile>(CheckpointFolder(folder).newest(
        [](const std::string& remark) { std::fprintf(stderr, "tersegrad: %s\n", remark.c_str()); }));
    for (const auto& remark : require_recorded_plugins(checkpoint->view)) std::fprintf(stderr, "tersegrad: %s\n", remark.c_str());
    lines = configuration_of(checkpoint->view);
  });
  const auto all = world.all_gather_pieces(std::as_bytes(std::span(lines)));
  lines = text_of(all.from(0));
  collectively(world, [&] {
    OptionValues values = OptionValues::of_lines(lines);
    values.override_with(given);
    config = read_options(values);
    config.out = folder;
    require_same_run(lines, config);
    if (world.rank() == 0) require_unfinished(folder, config.steps);
  });
  return checkpoint;
}

}  // namespace tersegrad
