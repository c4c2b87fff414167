// Everything that determines a training run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tersegrad/log/value.hpp"

namespace tersegrad {

/// What to do with a step in which an agent's gradient has inf or NaN.
enum class NonfinitePolicy {
  stop,  ///< end the run, recorded as diverged
  skip,  ///< no update at this step, on any rank; 50 such steps in a row are a divergence
  keep,  ///< compress it as it is: sign votes the sign of inf and treats NaN as a zero
};

/// The options of `tersegrad train`, with their defaults. What else there is to know of each is its entry in the table of
/// options (options/option_table.hpp); a member belongs to one.
struct TrainConfig {
  std::string model = "mlp";        ///< a network, or a landscape
  std::string dataset = "breast-cancer";
  std::filesystem::path data;      ///< empty: by the rule (data/readers/folder.hpp)
  std::int64_t samples = 0;        ///< training rows used; 0: all
  std::int64_t replicas = 1;       ///< R independent repetitions of a landscape as one vector
  std::string start;               ///< a landscape's starting point, numbers separated by commas; empty: its own
  double skew = 0;                 ///< Dirichlet α of class-skewed shards; 0: none
  std::int64_t agents = 0;         ///< N; 0: one for each hosting rank
  std::int64_t batch = 32;         ///< B per agent; 0: full gradient, computed by all ranks together
  std::string sampling = "shuffle";
  std::string compressor = "none";
  std::string noise = "none";
  std::int64_t noise_batch = 1;    ///< the B that injected noise stands for: its scale is σ/√B
  std::string exchange = "server";
  std::int64_t bucket = 1 << 22;   ///< coordinates per message, at most
  bool verify = true;              ///< messages between ranks carry a checksum
  bool overlap = false;            ///< buckets travel while backward computes the next ones
  double lr = 0.1;
  std::string schedule = "constant";
  std::int64_t warmup = 0;
  double momentum = 0;
  double weight_decay = 0;
  double clip_norm = 0;            ///< each agent's gradient is scaled down to this norm; 0: off
  std::int64_t steps = 500;
  std::int64_t sde = 0;            ///< > 0: the run's SDE is integrated instead, with so many time steps per step
  std::uint64_t seed = 1;
  std::uint64_t init_seed = 1;
  NonfinitePolicy nonfinite = NonfinitePolicy::stop;
  std::int64_t eval_every = 0;     ///< test-set evaluation every so many steps; 0: at the end only; -1: never
  std::int64_t eval_samples = 0;   ///< test rows of every evaluation, or eval_rows_by_labels, eval_all_rows
  std::int64_t log_every = 1;
  std::int64_t noise_report = 0;   ///< the agents' noise is measured every so many steps; 0: never
  int threads = 1;                 ///< LibTorch threads per rank; changes the order of sums, hence bits
  std::vector<std::string> sinks;
  std::filesystem::path out;       ///< empty: no files
  bool overwrite = false;          ///< replaces the run in `out`, unless it is unfinished and has checkpoints
  bool overwrite_checkpoints = false;  ///< replaces that too
  std::int64_t checkpoint_every = 0;  ///< steps between checkpoints; 0: see checkpoint_minutes
  double checkpoint_minutes = 0;      ///< minutes between checkpoints; 0 (both): no checkpoints
  std::int64_t keep = 2;              ///< checkpoints kept, the newest ones
  double stall_timeout = 300;         ///< seconds without progress that end the run; 0: never

  bool operator==(const TrainConfig&) const = default;

  bool checkpoints() const { return checkpoint_every > 0 || checkpoint_minutes > 0; }

  /// Every recorded option as a field, in the order of its line; what run.h5 keeps and what ranks compare.
  LogFields describe() const;
  /// describe(), and the log sinks, as lines "key = value" with all digits: two learning rates that differ in the last
  /// one differ. What ranks compare and what a checkpoint keeps.
  std::string lines() const;
  /// The folder of the data as an absolute path, by the rule where none is given: a run goes on from any other folder.
  /// Ranks compare their options before that: the same command may mean another folder on another machine. Empty where
  /// no files are read.
  void resolve_data_folder();
  /// \throws Error for the first value that is out of range, or has characters that a line of a checkpoint cannot hold
  void validate() const;
};

/// A checkpoint's configuration (TrainConfig::lines()), key by key. \throws Error for a line that is none
std::vector<std::pair<std::string, std::string>> parse_lines(const std::string& lines);

/// Whether a run may go on with another value of the option of this key (Option::may_differ); false for a key of none.
bool may_differ(const std::string& key);

/// \throws Error naming the first option in which a checkpoint's configuration differs from `config` and may not
void require_same_run(const std::string& checkpoint_lines, const TrainConfig& config);

/// "stop", "skip", "keep".
std::string to_string(NonfinitePolicy policy);
/// \throws Error unless it is one of the three
NonfinitePolicy parse_nonfinite(const std::string& text);

}  // namespace tersegrad
