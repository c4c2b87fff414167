#include "tersegrad/train/objectives/network_objective.hpp"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <malloc.h>
#include <torch/torch.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

#include "models/network.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/progress.hpp"
#include "tersegrad/core/random/random.hpp"
#include "tersegrad/core/system/processor.hpp"
#include "tersegrad/core/system/stopwatch.hpp"
#include "tersegrad/data/sampler.hpp"
#include "tersegrad/data/shard.hpp"
#include "tersegrad/train/objectives/flat_parameters.hpp"
#include "tersegrad/train/objectives/operator_progress.hpp"

namespace tersegrad {
namespace {

/// Rows per chunk of the full gradient and of evaluation: large enough for LibTorch to work well, small enough that
/// a chunk's activations fit in the cache of small models. Fixed, because sums depend on it. Of sequences, so many tokens.
constexpr std::int64_t chunk_labels = 500;

/// A pass through the network that takes longer than this is followed operator by operator; a shorter one has no need.
constexpr double slow_pass_s = 0.2;

std::span<float> span_of(torch::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

class NetworkObjective final : public Objective,
                               public AgentGradients,
                               public FiniteSum,
                               public AgentStatistics,
                               public TestSet {
 public:
  NetworkObjective(const TrainConfig& config, std::shared_ptr<const Dataset> dataset, const HostedAgents& agents)
      : dataset_(std::move(dataset)), seed_(config.seed) {
    operators_.follow(true);  // the making of a large model, and a first pass of which nothing is known yet
    torch::manual_seed(config.init_seed);
    const NetworkShape shape{dataset_->shape(), dataset_->classes()};
    network_ = NetworkRegistry::instance().make(config.model, shape);
    flat_.emplace(*network_);
    std::int64_t offset = 0;
    for (const auto& parameter : flat_->parameters()) {
      watch(parameter, offset);
      offset += parameter.numel();
    }
    shape_ = dataset_->shape();
    labels_per_row_ = dataset_->labels_per_row();
    chunk_rows_ = std::max<std::int64_t>(1, chunk_labels / labels_per_row_);
    test_rows_ = evaluated_rows(config.eval_samples, dataset_->test().size(), labels_per_row_);
    features_per_row_ = std::accumulate(shape_.begin(), shape_.end(), std::int64_t{1}, std::multiplies<>());
    for (const auto& buffer : network_->buffers()) {
      if (buffer.is_floating_point()) buffers_.push_back(buffer);
    }
    TERSEGRAD_CHECK(buffers_.empty() || config.batch > 0, "model '", config.model,
                    "' keeps running statistics (BatchNorm), which need mini-batches: not with --batch full");
    if (config.batch > 0) make_samplers(config, agents);
    statistics_.assign(samplers_.size(), statistics_now());
  }

  ParameterLayout layout() const override { return {{flat_->size(), 1}, flat_->tensors()}; }
  std::span<float> parameters() override { return flat_->values(); }
  std::span<float> gradient() override { return flat_->gradients(); }
  AgentGradients* agent_gradients() override { return samplers_.empty() ? nullptr : this; }
  FiniteSum* finite_sum() override { return this; }
  AgentStatistics* agent_statistics() override { return buffers_.empty() ? nullptr : this; }
  TestSet* test_set() override { return this; }

  double agent_gradient(std::uint32_t agent, std::uint64_t step) override {
    samplers_[agent - first_agent_].rows(step, rows_);
    std::ranges::fill(flat_->gradients(), 0.0f);
    // Agents that share a rank share the model: statistics, and the generator of dropout, are still each one's own.
    auto generator = at::detail::getDefaultCPUGenerator();
    generator.set_current_seed(Sequence({seed_, Purpose::dropout, agent, step}).next64());
    if (buffers_.empty()) return backward(dataset_->train(), rows_, 1);
    use_statistics(statistics_[agent - first_agent_]);
    const double loss = backward(dataset_->train(), rows_, 1);
    statistics_[agent - first_agent_] = statistics_now();
    return loss;
  }

  std::span<float> statistics(std::uint32_t agent) override { return statistics_[agent - first_agent_]; }
  std::int64_t statistics_size() const override {
    std::int64_t total = 0;
    for (const auto& buffer : buffers_) total += buffer.numel();
    return total;
  }
  void use_statistics(std::span<const float> values) override {
    const torch::NoGradGuard no_gradient;
    std::size_t at = 0;
    for (auto& buffer : buffers_) {
      for (float& value : span_of(buffer)) value = values[at++];
    }
  }

  double agent_gradient_in_parts(std::uint32_t agent, std::uint64_t step, const GradientReady& ready) override {
    ready_ = &ready;
    const double loss = agent_gradient(agent, step);
    ready_ = nullptr;
    return loss;
  }

  double estimation_gradient(std::uint32_t agent, std::uint64_t draw) override {
    // BatchNorm's running statistics and the generator that dropout would draw from are the only traces of a forward.
    const torch::NoGradGuard no_gradient;
    std::vector<torch::Tensor> kept;
    for (const auto& buffer : network_->buffers()) kept.push_back(buffer.clone());
    auto generator = at::detail::getDefaultCPUGenerator();
    const auto state = generator.get_state();
    generator.set_current_seed(Sequence({seed_, Purpose::estimate, agent, draw}, std::uint64_t{3} << 46).next64());
    samplers_[agent - first_agent_].estimation_rows(draw, rows_);
    std::ranges::fill(flat_->gradients(), 0.0f);
    const double loss = [&] {
      const torch::AutoGradMode with_gradient(true);
      return backward(dataset_->train(), rows_, 1);
    }();
    auto buffers = network_->buffers();
    for (std::size_t i = 0; i < buffers.size(); ++i) buffers[i].copy_(kept[i]);
    generator.set_state(state);
    return loss;
  }

  std::int64_t gradient_chunks() const override { return chunks(dataset_->train().size()); }
  double add_chunk_gradient(std::int64_t chunk) override {
    take_chunk(dataset_->train().size(), chunk);
    return backward(dataset_->train(), rows_,
                    static_cast<double>(rows_.size()) / static_cast<double>(dataset_->train().size()));
  }

  EvaluatedRows test_rows() const override { return test_rows_; }
  std::int64_t test_chunks() const override { return chunks(test_rows_.count); }
  EvaluationSum evaluate_chunk(std::int64_t chunk) override {
    const torch::NoGradGuard no_gradient;
    const Evaluating mode(*this);
    take_chunk(test_rows_.count, chunk);
    for (auto& row : rows_) row = test_rows_.row(row);
    load(dataset_->test(), rows_);
    const auto logits = forward();
    const auto loss = torch::nn::functional::cross_entropy(
        logits, labels_, torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum));
    const auto correct = logits.argmax(1).eq(labels_).sum();
    return {static_cast<double>(loss.item<float>()), correct.item<std::int64_t>(), labels_.numel()};
  }

 private:
  std::vector<float> statistics_now() {
    std::vector<float> values;
    for (auto& buffer : buffers_) {
      const auto some = span_of(buffer);
      values.insert(values.end(), some.begin(), some.end());
    }
    return values;
  }

  /// The network evaluates, and operators tell of their progress, until this ends: also by a listener's exception.
  class Evaluating {
   public:
    explicit Evaluating(NetworkObjective& owner) : owner_(owner) {
      owner_.network_->eval();
      owner_.operators_.follow(true);
    }
    ~Evaluating() {
      owner_.network_->train();
      owner_.operators_.follow(owner_.is_slow_);
    }
    Evaluating(const Evaluating&) = delete;
    Evaluating& operator=(const Evaluating&) = delete;

   private:
    NetworkObjective& owner_;
  };

  /// Runs after LibTorch has accumulated a parameter's gradient: once in a backward that reaches it.
  class Accumulated final : public torch::autograd::FunctionPostHook {
   public:
    Accumulated(NetworkObjective& owner, std::int64_t begin, std::int64_t end)
        : owner_(owner), begin_(begin), end_(end) {}
    torch::autograd::variable_list operator()(const torch::autograd::variable_list& outputs,
                                              const torch::autograd::variable_list&) override {
      tell_progress();
      if (owner_.ready_ != nullptr) (*owner_.ready_)(begin_, end_, owner_.loss_);
      return outputs;
    }

   private:
    NetworkObjective& owner_;
    std::int64_t begin_, end_;
  };

  void watch(const torch::Tensor& parameter, std::int64_t offset) {
    // The node that adds to .grad; a variable holds it weakly, so it is kept here.
    accumulators_.push_back(torch::autograd::impl::grad_accumulator(parameter));
    accumulators_.back()->add_post_hook(std::make_unique<Accumulated>(*this, offset, offset + parameter.numel()));
  }

  void make_samplers(const TrainConfig& config, const HostedAgents& agents) {
    first_agent_ = agents.begin;
    const auto& train = dataset_->train();
    TERSEGRAD_CHECK(config.skew == 0 || labels_per_row_ == 1, "--skew is ", config.skew, ", but data set '",
                    dataset_->name(), "' has no classes of rows to skew shards by; leave it out");
    Shards shards;  // of the agents that are here
    if (config.skew > 0) {
      shards = skewed_shards(labels_of(train), dataset_->classes(), agents.count, config.skew, config.seed);
      shards.erase(shards.begin() + agents.end, shards.end());
      shards.erase(shards.begin(), shards.begin() + agents.begin);
    } else {
      shards = even_shards(train.size(), agents.count, config.seed, agents.begin, agents.end);
    }
    for (std::uint32_t a = agents.begin; a < agents.end; ++a) {
      samplers_.emplace_back(std::move(shards[a - agents.begin]), config.batch, parse_sampling_mode(config.sampling),
                             config.seed, a);
    }
  }

  std::int64_t chunks(std::int64_t rows) const { return (rows + chunk_rows_ - 1) / chunk_rows_; }

  void take_chunk(std::int64_t rows, std::int64_t chunk) {
    const std::int64_t begin = chunk * chunk_rows_, end = std::min(begin + chunk_rows_, rows);
    rows_.resize(static_cast<std::size_t>(end - begin));
    std::iota(rows_.begin(), rows_.end(), begin);
  }

  /// Rows as tensors; the buffers are kept while the number of rows stays.
  void load(const Examples& examples, const std::vector<std::int64_t>& rows) {
    const auto count = static_cast<std::int64_t>(rows.size());
    if (!features_.defined() || features_.size(0) != count) {
      std::vector<std::int64_t> sizes{count};
      sizes.insert(sizes.end(), shape_.begin(), shape_.end());
      features_ = torch::empty(sizes);
      labels_ = torch::empty({count * labels_per_row_}, torch::kInt64);
    }
    examples.features(rows, {features_.data_ptr<float>(), static_cast<std::size_t>(count * features_per_row_)});
    examples.labels(rows, {labels_.data_ptr<std::int64_t>(), static_cast<std::size_t>(labels_.numel())});
  }

  /// The loaded rows' logits, one line a label.
  torch::Tensor forward() {
    auto logits = network_->forward(features_);
    const std::int64_t classes = logits.size(-1);
    TERSEGRAD_CHECK(logits.numel() == labels_.numel() * classes, "the model predicts ", logits.numel() / classes,
                    " classes for ", features_.size(0), " rows of data set '", dataset_->name(), "', which have ",
                    labels_.numel(), " labels; choose ",
                    labels_per_row_ > 1 ? "a sequence model (gpt2)" : "another model");
    return logits.reshape({-1, classes});
  }

  double backward(const Examples& examples, const std::vector<std::int64_t>& rows, double weight) {
    const Stopwatch watch;
    load(examples, rows);
    auto loss = torch::nn::functional::cross_entropy(forward(), labels_);
    if (weight != 1) loss = loss * weight;
    loss_ = static_cast<double>(loss.item<float>());
    loss.backward();
    is_slow_ = watch.seconds() > slow_pass_s;
    operators_.follow(is_slow_);
    return loss_;
  }

  std::shared_ptr<const Dataset> dataset_;
  std::optional<FlatParameters> flat_;  // outlives the model, whose tensors lie there
  std::shared_ptr<Network> network_;
  torch::Tensor features_, labels_;
  std::vector<std::int64_t> shape_, rows_;
  std::int64_t features_per_row_ = 1, labels_per_row_ = 1, chunk_rows_ = chunk_labels;
  EvaluatedRows test_rows_;
  std::vector<BatchSampler> samplers_;
  std::uint32_t first_agent_ = 0;
  std::vector<torch::Tensor> buffers_;          // the model's running statistics
  std::vector<std::vector<float>> statistics_;  // [hosted agent]: its values of them
  // What points to a node differs: std::shared_ptr in LibTorch 1.13, c10::intrusive_ptr in 2.15.
  std::vector<decltype(torch::autograd::impl::grad_accumulator(torch::Tensor()))> accumulators_;
  const GradientReady* ready_ = nullptr;  // during a backward that is told in parts
  double loss_ = 0;                       // of the batch whose backward runs
  std::uint64_t seed_ = 0;
  bool is_slow_ = true;  // the last pass; the first may be
  OperatorProgress operators_;
};

}  // namespace

std::unique_ptr<Objective> make_network_objective(const TrainConfig& config, std::shared_ptr<const Dataset> dataset,
                                                  const HostedAgents& agents) {
  return std::make_unique<NetworkObjective>(config, std::move(dataset), agents);
}

void prepare_compute(int threads) {
  use_default_float_environment();  // threads that are started from here on inherit it
  at::set_num_threads(threads);
  // LibTorch allocates and frees its activations at every step; glibc would hand blocks above 128 KiB back to the
  // system each time and fault every page in again: 34 MB a step for the paper's ResNet, a tenth of its time.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, 64 << 20);
  // OpenBLAS's own thread pool does not follow LibTorch's setting in every build of it.
  using SetThreads = void (*)(int);
  if (const auto set = reinterpret_cast<SetThreads>(::dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) set(threads);
}

}  // namespace tersegrad
