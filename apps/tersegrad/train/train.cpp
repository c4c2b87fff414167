// tersegrad train: one run of compressed distributed training.
#include <iostream>

#include "apps/common/command.hpp"
#include "apps/common/objective.hpp"
#include "apps/common/same_plugins.hpp"
#include "apps/tersegrad/train/match.hpp"
#include "apps/tersegrad/train/resume.hpp"
#include "apps/tersegrad/train/resume_auto.hpp"
#include "apps/tersegrad/train/train_options.hpp"
#include "tersegrad/comm/monitor/stop_signal.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/comm/mpi/environment.hpp"
#include "tersegrad/core/system/standard_streams.hpp"
#include "tersegrad/core/terminal/table.hpp"
#include "tersegrad/train/checkpoint/checkpoint_folder.hpp"
#include "tersegrad/train/options/read_options.hpp"
#include "tersegrad/train/options/unused_options.hpp"
#include "tersegrad/train/report/noise_verdict.hpp"
#include "tersegrad/train/report/report.hpp"
#include "tersegrad/train/sde_run.hpp"
#include "tersegrad/train/trainer.hpp"

namespace tersegrad {
namespace {

/// --match, if given: completes the configuration. \return what it did, for the user
std::string match(TrainConfig& config, const OptionValues& given) {
  if (!given.contains("match")) return "";
  std::vector<Quantity> named;
  const auto name = [&](const char* option, Quantity quantity) {
    if (given.contains(option)) named.push_back(quantity);
  };
  name("lr", Quantity::lr);
  name(config.batch == 0 ? "noise-batch" : "batch", Quantity::batch);
  name("agents", Quantity::agents);
  name("compressor", Quantity::omega);
  return match(config, given.text("match"), named);
}

int run(int argc, char** argv) {
  // From here to the very end of the process, which finds it here: no signal ends it without a status of ours.
  [[maybe_unused]] static const auto* const signals = new StopSignal;
  lost_reader_is_sigterm();
  return run_with_mpi(&argc, &argv, [&](Communicator& world) {
    require_same_plugins(world);
    bool help = false;
    TrainConfig config;
    std::string matched;
    for (int i = 1; i < argc; ++i) help |= std::string(argv[i]) == "--help" || std::string(argv[i]) == "-h";
    std::string resumed;
    OptionValues given;
    collectively(world, [&] {
      if (help) return;
      given = parse_train_options(argc, argv);
      if (given.contains("resume")) resumed = resumed_folder(given);
      if (resumed.empty() || resumed == resume_auto) {
        config = read_options(given);
        matched = match(config, given);
      }
    });
    // One rank must not leave while the others wait for it.
    require_same(world, help ? "--help" : "no --help", "the command", "start every rank with the same command");
    if (help) {
      if (world.rank() == 0) std::cout << train_help() << std::flush;
      return 0;
    }
    require_same(world, resumed, "--resume", "start every rank with the same command");
    std::unique_ptr<CheckpointFile> start;
    OptionValues all = given;  // and what --match stands for
    const bool automatic = resumed == resume_auto;
    if (automatic) {
      const NextStart next = next_start(world, given, config);
      if (next == NextStart::finished) return 0;
      resumed = next == NextStart::resumed ? config.out.string() : "";
      if (next == NextStart::resumed && !matched.empty()) {
        all.override_with(matched_options(config, given));
        matched.clear();
      }
    }
    if (!resumed.empty()) start = load_resumed(world, resumed, all, config);
    if (automatic && start) {
      const auto step = static_cast<std::int64_t>(start->view.step);
      std::cout << concat("tersegrad: going on from '", CheckpointFolder(config.out).file(step).string(), "'\n") << std::flush;
    }
    std::vector<std::string> remarks;
    collectively(world, [&] { remarks = check_unused_options(given, config); });
    for (const auto& remark : remarks) {
      if (world.rank() == 0) std::fprintf(stderr, "tersegrad: %s\n", remark.c_str());
    }
    if (world.rank() == 0) std::cout << matched << std::flush;
    const RunResult result = config.sde > 0 ? simulate_sde(world, config, make_objective)
                                            : train(world, config, make_objective, start.get());
    if ((result.resumable && !result.unevaluated) || result.unstarted) {
      if (world.rank() == 0) std::cout << "\n" << resumable_end(result) << std::flush;
      return exit_interrupted;
    }
    if (world.rank() == 0)
      std::cout << "\n"
                << paragraph(config.sde > 0 ? outcome(result) : savings_report(result), output_columns(), 2) << std::flush;
    if (world.rank() == 0 && result.noise_reports > 0)
      std::cout << "\n" << paragraph(noise_verdict(result), output_columns(), 2) << std::flush;
    if (world.rank() == 0 && result.resumable) std::cout << "\n" << resumable_end(result) << std::flush;
    // A divergence is a result, also where its evaluation was stopped: there is nothing to go on with.
    return result.interrupted && !result.diverged ? exit_interrupted : 0;
  });
}

const CatalogueEntry<Command> registration{"train", {"train with compressed gradients on MPI ranks", run, true, true}};

}  // namespace
}  // namespace tersegrad
