// The options that say what is trained.
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/data/dataset.hpp"
#include "tersegrad/data/readers/folder.hpp"
#include "tersegrad/train/options/option_table.hpp"

namespace tersegrad {
namespace {

bool is_built_in(const TrainConfig& c) { return built_in_datasets().contains(Spec::parse(c.dataset).name); }

}  // namespace

std::vector<Option> model_options() {
  return {
      {.name = "model", .help = "network, or landscape (quadratic:2,1x9, rosenbrock, saddle)",
       .field = field::text(&TrainConfig::model), .line = 1},
      {.name = "dataset", .help = "data set",
       .field = field::text(&TrainConfig::dataset), .line = 2, .only_for = ModelKind::network, .other_kind = "none"},
      {.name = "data",
       .help = concat("folder of the data set's files; without it the one that launch/get-data fills: ", data_folder_rule),
       .field = field::path(&TrainConfig::data, "must be a folder's name"), .line = 3, .may_differ = true,
       .only_for = ModelKind::network,
       .unused = {{is_built_in, "the data set is built in and reads no files; choose another with --dataset"}}},
      {.name = "samples", .help = "training rows used; 0: all", .unit = "rows",
       .field = field::integer(&TrainConfig::samples, 0), .line = 4, .only_for = ModelKind::network},
      {.name = "init-seed", .help = "seed of the initial parameters, and of the rows that --samples or a test split takes",
       .field = field::seed(&TrainConfig::init_seed), .line = 27, .only_for = ModelKind::network},
      {.name = "replicas", .help = "landscape: independent repetitions, trained as one vector",
       .field = field::integer(&TrainConfig::replicas, 1, 1'000'000'000, "at most 10^9"), .line = 5,
       .only_for = ModelKind::landscape},
      {.name = "start", .help = "landscape: starting point, numbers separated by commas, or one for all coordinates; none: its own",
       .field = field::text(&TrainConfig::start), .line = 6, .only_for = ModelKind::landscape},
      {.name = "plugin", .help = "file of a plug-in with compressors, models, data sets, … of its own; may be given several times",
       .field = field::none(ValueKind::word, {"FILE.so"})},
  };
}

}  // namespace tersegrad
