#include "apps/tersegrad/train/train_options.hpp"

#include <algorithm>
#include <cmath>

#include "apps/common/objective.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/data/readers/folder.hpp"
#include "tersegrad/theory/landscapes/landscape.hpp"
#include "tersegrad/train/records/evaluated_rows.hpp"

namespace tersegrad {
namespace {

constexpr double sign_lr = 0.001;  // as for Adam, whose updates are of that size too

/// Reads options as numbers with errors that name the option.
class Reader {
 public:
  explicit Reader(const cxxopts::ParseResult& parsed) : parsed_(parsed) {}
  std::string text(const char* name) const { return parsed_[name].as<std::string>(); }
  std::int64_t integer(const char* name) const {
    std::int64_t value = 0;
    TERSEGRAD_CHECK(parse_integer(text(name), value), "--", name, " is '", text(name), "' (must be a whole number)");
    return value;
  }
  double real(const char* name) const {
    double value = 0;
    TERSEGRAD_CHECK(parse_real(text(name), value), "--", name, " is '", text(name), "' (must be a number)");
    return value;
  }
  bool on_or_off(const char* name) const {
    const std::string given = text(name);
    TERSEGRAD_CHECK(given == "on" || given == "off", "--", name, " is '", given, "' (must be one of: on, off)");
    return given == "on";
  }
  std::uint64_t seed(const char* name) const {
    const std::int64_t value = integer(name);
    TERSEGRAD_CHECK(value >= 0, "--", name, " is ", value, " (must not be negative)");
    return static_cast<std::uint64_t>(value);
  }

 private:
  const cxxopts::ParseResult& parsed_;
};

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

/// Whether what comes back are signs, ±1 however small the gradients are: the learning rate alone is then the step. The
/// compressor itself tells, by what it makes of one.
bool sends_signs(const std::string& spec) {
  constexpr std::int64_t dim = 128;
  CompressorSetup setup;
  setup.layout = {dim, 1};
  std::vector<float> gradient(dim), mean(dim);
  for (std::size_t j = 0; j < gradient.size(); ++j) gradient[j] = (j % 3 == 0 ? -1e-3f : 1e-3f) * static_cast<float>(j + 1);
  try {
    const auto compressor = CompressorRegistry::instance().make(spec, setup);
    const auto encoder = compressor->encoder(0);
    const auto aggregator = compressor->aggregator();
    const Bucket bucket{0, 0, dim};
    Message uplink, aggregate;
    encoder->begin_step(0, gradient);
    aggregator->begin_step(0);
    encoder->encode(bucket, gradient, uplink);
    const MessageView views[1] = {view(uplink)};
    aggregator->aggregate(bucket, views, aggregate);
    aggregator->decode(bucket, view(aggregate), mean);
  } catch (const Error&) {
    return false;  // the run's set-up refuses it, with the run's own dimension
  }
  return std::all_of(mean.begin(), mean.end(), [](float value) { return std::abs(value) == 1; });
}

/// --lr auto: 0.1 for updates that are gradients. With so long a step for every coordinate a network diverges at once.
double default_lr(const std::string& compressor) { return sends_signs(compressor) ? sign_lr : TrainConfig().lr; }

/// A landscape has no data, and its agents share the exact gradient.
void prepare_landscape(TrainConfig& config, const cxxopts::ParseResult& parsed) {
  for (const char* option : {"dataset", "data", "samples", "sampling", "skew", "init-seed", "eval-every", "eval-samples"}) {
    TERSEGRAD_CHECK(!parsed.count(option), "--", option, " means nothing to landscape '", config.model, "'");
  }
  TERSEGRAD_CHECK(!parsed.count("batch") || config.batch == 0, "landscape '", config.model,
                  "' has no rows to take a batch of (leave out --batch; --noise and --noise-batch B give σ/√B)");
  config.batch = 0;
  config.dataset = "none";
}

/// --checkpoint-every N or Nmin.
void read_interval(TrainConfig& config, const std::string& text) {
  if (text.ends_with("min")) {
    TERSEGRAD_CHECK(parse_real(text.substr(0, text.size() - 3), config.checkpoint_minutes) && config.checkpoint_minutes > 0,
                    "--checkpoint-every is '", text, "' (must be a number of steps, or of minutes such as 30min)");
  } else {
    TERSEGRAD_CHECK(parse_integer(text, config.checkpoint_every), "--checkpoint-every is '", text,
                    "' (must be a number of steps, or of minutes such as 30min)");
  }
}

bool overwrites_checkpoints(const std::string& given) {
  TERSEGRAD_CHECK(given == "run" || given == "checkpoints", "--overwrite is '", given,
                  "' (must be given alone, or as --overwrite=checkpoints)");
  return given == "checkpoints";
}

/// --eval-samples auto, all or a number.
std::int64_t read_eval_samples(const std::string& text) {
  if (text == "auto") return eval_rows_by_labels;
  if (text == "all") return eval_all_rows;
  std::int64_t rows = 0;
  TERSEGRAD_CHECK(parse_integer(text, rows) && rows >= 1, "--eval-samples is '", text,
                  "' (must be a number of test rows, at least 1, or all, or auto)");
  return rows;
}

/// So many steps that about 10,000 records come of them at most: some MB, however long the run is.
std::int64_t sparse_log_every(std::int64_t steps) {
  return std::max<std::int64_t>(1, steps / 10000 + (steps % 10000 > 0 ? 1 : 0));
}

}  // namespace

cxxopts::Options declare_train_options() {
  const TrainConfig defaults;
  const auto text = [](const auto& value) { return cxxopts::value<std::string>()->default_value(concat(value)); };
  cxxopts::Options options(
      "tersegrad train",
      "Train with compressed gradients. Start it on MPI ranks: launch/local -n 4 train …, mpirun -np 5 tersegrad train …, srun --mpi=pmix …\n"
      "Plug-ins are spelled name:argument, e.g. randk:0.01, student:3:0.1, vit:patch=7,width=64; `tersegrad list` shows all.\n");
  options.add_options("What is trained")
      ("model", "network, or landscape (quadratic:2,1x9, rosenbrock, saddle)", text(defaults.model))
      ("dataset", "data set", text(defaults.dataset))
      ("data", concat("folder of the data set's files; without it the one that launch/get-data fills: ", data_folder_rule),
       cxxopts::value<std::string>())
      ("samples", "training rows used; 0: all", text(defaults.samples))
      ("init-seed", "seed of the initial parameters, and of the rows that --samples or a test split takes", text(defaults.init_seed))
      ("replicas", "landscape: independent repetitions, trained as one vector", text(defaults.replicas))
      ("start", "landscape: starting point, numbers separated by commas, or one for all coordinates; none: its own",
       cxxopts::value<std::string>());
  options.add_options("Agents")
      ("agents", "number of agents N; 0: one for each rank that hosts any", text(defaults.agents))
      ("batch", "rows per agent and step, or `full`: the full gradient, which all ranks compute together", text(defaults.batch))
      ("sampling", "shuffle (epochs without replacement) or iid (with replacement)", text(defaults.sampling))
      ("skew", "class-skewed shards: Dirichlet parameter > 0, small is skewed; 0: even shards", text(defaults.skew))
      ("noise", "noise added to every agent's gradient", text(defaults.noise))
      ("noise-batch", "batch B that the noise stands for: its scale is σ/√B", text(defaults.noise_batch))
      ("clip-norm", "scale each agent's gradient down to this Euclidean norm before noise; 0: off", text(defaults.clip_norm));
  options.add_options("Communication")
      ("compressor", "compressor", text(defaults.compressor))
      ("sign-zero", "what sign(0) is: exact, random or plus (short for sign:zero=…)", cxxopts::value<std::string>())
      ("exchange", "how messages come together", text(defaults.exchange))
      ("bucket", "coordinates per message, at most", text(defaults.bucket))
      ("verify", "checksums on the messages between ranks: on or off; a difference ends the run",
       cxxopts::value<std::string>()->default_value("on"))
      ("overlap", "send the gradient's buckets while backward still computes the next ones")
      ("nonfinite", "when a gradient has inf or NaN: stop, skip (the step) or keep (go on)", text(to_string(defaults.nonfinite)));
  options.add_options("Optimiser")
      ("lr", concat("learning rate η > 0; auto: ", defaults.lr, ", and ", sign_lr, " where signs come back, each a step of η (sign, "
                    "majority, signum)"), text("auto"))
      ("schedule", "constant, cosine[:FINAL] or step:EVERY[:GAMMA]", text(defaults.schedule))
      ("warmup", "steps of linear warm-up", text(defaults.warmup))
      ("momentum", "momentum, 0 ≤ µ < 1", text(defaults.momentum))
      ("match", "choose what is not given of --lr, --batch, --agents and --compressor so that the asymptotic loss is that of "
                "this run, e.g. method=dsgd,lr=0.1,batch=64,agents=4", cxxopts::value<std::string>())
      ("weight-decay", "weight decay λ ≥ 0", text(defaults.weight_decay))
      ("steps", "steps", text(defaults.steps))
      ("sde", "integrate the run's SDE instead (Euler-Maruyama), with so many time steps per step: dt = lr/SDE",
       cxxopts::value<std::string>()->implicit_value("1")->default_value("0"))
      ("seed", "seed of every random stream", text(defaults.seed));
  options.add_options("Output")
      ("out", "folder for run.h5, metrics.csv, summary.json; none: nothing is written", cxxopts::value<std::string>())
      ("overwrite", "replace the run that the folder holds; =checkpoints: also one that is unfinished and has checkpoints",
       cxxopts::value<std::string>()->implicit_value("run"))
      ("checkpoint-every", "checkpoints in OUT/checkpoints: every so many steps, or minutes (30min); 0: none", text("0"))
      ("keep", "checkpoints kept, the newest ones", text(defaults.keep))
      ("resume", "go on with the run in this folder from its newest checkpoint, with its options (give no others, or more --steps); "
                 "auto: go on with the run in --out if there is one to go on with, else start it",
       cxxopts::value<std::string>())
      ("stall-timeout", "seconds without progress on a rank that end the run; 0: never", text(defaults.stall_timeout))
      ("log", "log sinks, separated by commas", cxxopts::value<std::vector<std::string>>())
      ("log-every", "steps between log records; auto: all of 10000 steps, of more 10000 in all", text("auto"))
      ("eval-every", "steps between evaluations on the test set; 0: at the end only; -1: never", text(defaults.eval_every))
      ("eval-samples", concat("test rows of every evaluation, evenly spaced: a number, all, or auto: as many as have ", default_eval_labels,
                              " labels (a token of a sequence is one)"), text("auto"))
      ("noise-report", "steps between measurements of the agents' gradient noise; 0: none", text(defaults.noise_report))
      ("threads", "LibTorch threads per rank; more than 1 changes the order of sums", text(defaults.threads))
      ("h,help", "this text");
  return options;
}

TrainConfig read_train_config(const cxxopts::ParseResult& parsed) {
  const Reader read(parsed);
  TrainConfig config;
  config.model = read.text("model");
  config.dataset = read.text("dataset");
  if (parsed.count("data")) {
    config.data = read.text("data");
    TERSEGRAD_CHECK(!config.data.empty(), "--data is '' (must be a folder's name)");
  }
  config.samples = read.integer("samples");
  config.init_seed = read.seed("init-seed");
  config.agents = read.integer("agents");
  if (read.text("batch") == "full") {
    config.batch = 0;
  } else {
    config.batch = read.integer("batch");
    TERSEGRAD_CHECK(config.batch >= 1, "--batch is ", config.batch, " (must be at least 1, or 'full')");
  }
  config.sampling = read.text("sampling");
  config.skew = read.real("skew");
  config.noise = read.text("noise");
  config.noise_batch = read.integer("noise-batch");
  config.clip_norm = read.real("clip-norm");
  config.compressor = read.text("compressor");
  if (parsed.count("sign-zero")) config.compressor = with_zero_rule(config.compressor, read.text("sign-zero"));
  config.exchange = read.text("exchange");
  config.bucket = read.integer("bucket");
  config.verify = read.on_or_off("verify");
  config.overlap = parsed.count("overlap") > 0;
  config.nonfinite = parse_nonfinite(read.text("nonfinite"));
  config.lr = read.text("lr") == "auto" ? default_lr(config.compressor) : read.real("lr");
  config.schedule = read.text("schedule");
  config.warmup = read.integer("warmup");
  config.momentum = read.real("momentum");
  config.weight_decay = read.real("weight-decay");
  config.steps = read.integer("steps");
  config.sde = read.integer("sde");
  config.seed = read.seed("seed");
  if (parsed.count("out")) {
    config.out = read.text("out");
    TERSEGRAD_CHECK(!config.out.empty(), "--out is '' (must be a folder's name; without --out nothing is written)");
  }
  config.overwrite = parsed.count("overwrite") > 0;
  if (config.overwrite) config.overwrite_checkpoints = overwrites_checkpoints(read.text("overwrite"));
  if (parsed.count("log")) config.sinks = parsed["log"].as<std::vector<std::string>>();
  read_interval(config, read.text("checkpoint-every"));
  config.keep = read.integer("keep");
  config.stall_timeout = read.real("stall-timeout");
  config.log_every = read.text("log-every") == "auto" ? sparse_log_every(config.steps) : read.integer("log-every");
  config.eval_every = read.integer("eval-every");
  config.eval_samples = read_eval_samples(read.text("eval-samples"));
  config.noise_report = read.integer("noise-report");
  const std::int64_t threads = read.integer("threads");
  TERSEGRAD_CHECK(threads >= 1 && threads <= 4096, "--threads is ", threads, " (must be 1 to 4096)");
  config.threads = static_cast<int>(threads);
  config.replicas = read.integer("replicas");
  if (parsed.count("start")) config.start = read.text("start");
  if (is_landscape(config.model)) {
    prepare_landscape(config, parsed);
  } else {
    for (const char* option : {"replicas", "start"}) {
      TERSEGRAD_CHECK(!parsed.count(option), "--", option, " is for landscapes, and '", config.model, "' is none (landscapes: ",
                      join(LandscapeRegistry::instance().names()), ")");
    }
  }
  return config;
}

}  // namespace tersegrad
