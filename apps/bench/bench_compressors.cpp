// tersegrad bench compressors: what each registered compressor costs a training step, beside forward and backward.
#include <torch/torch.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>

#include "apps/bench/bench.hpp"
#include "apps/common/command.hpp"
#include "models/network.hpp"
#include "tersegrad/compress/capabilities/update.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/compress/kernels/bandwidth.hpp"
#include "tersegrad/core/statistics.hpp"
#include "tersegrad/core/terminal/table.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/train/objectives/flat_parameters.hpp"
#include "tersegrad/train/objectives/network_objective.hpp"
#include "tersegrad/train/step/agents.hpp"

namespace tersegrad {
namespace {

/// Forward and backward of one batch of random images: the yardstick, and where parameters and gradient lie as they do
/// in training, so that they are as near to the processor as a step leaves them.
class Batch {
 public:
  Batch(const std::string& model, std::int64_t rows) {
    torch::manual_seed(1);
    const NetworkShape shape{{3, 32, 32}, 10};
    model_ = NetworkRegistry::instance().make(model, shape);
    flat_.emplace(*model_);
    x_ = torch::randn({rows, 3, 32, 32});
    y_ = torch::randint(shape.classes, {rows}, torch::kInt64);
  }
  void forward_and_backward() {
    std::ranges::fill(flat_->gradients(), 0.0f);
    torch::nn::functional::cross_entropy(model_->forward(x_), y_).backward();
  }
  /// Of the last backward, one vector: with a real network's exact zeros.
  std::span<const float> gradient() { return flat_->gradients(); }
  std::span<float> parameters() { return flat_->values(); }

 private:
  std::optional<FlatParameters> flat_;  // outlives the model
  std::shared_ptr<Network> model_;
  torch::Tensor x_, y_;
};

/// One compressor through a step as an agent's process sees it: its gradient is packed, the aggregated one unpacked.
class Trip {
 public:
  Trip(const std::string& spec, Batch& batch, std::uint32_t agents)
      : gradient_(batch.gradient()), others_(gradient_.begin(), gradient_.end()), parameters_(batch.parameters()) {
    const auto total = static_cast<std::int64_t>(gradient_.size());
    compressor_ = CompressorRegistry::instance().make(spec, CompressorSetup{{total, 1}, 1, agents, false});  // as --nonfinite stop
    TERSEGRAD_CHECK(compressor_->rounds() == nullptr, "compressor '", spec, "' sends more than one vector a step, which is not timed here");
    buckets_ = cut_into_buckets(total, std::int64_t{1} << 22);
    for (std::uint32_t a = 0; a < agents; ++a) encoders_.push_back(compressor_->encoder(a));
    aggregator_ = compressor_->aggregator();
    messages_.resize(buckets_.size());
    aggregates_.resize(buckets_.size());
    for (auto& of_bucket : messages_) of_bucket.resize(agents);
  }
  std::string name() const { return compressor_->name(); }

  void others_compress() {
    ++step_;
    for (std::size_t a = 1; a < encoders_.size(); ++a) compress(a, others_);
  }
  void compress() { compress(0, gradient_); }
  /// What every process draws alike for decoding.
  void begin() { aggregator_->begin_step(step_); }
  /// Where messages are aggregated: the exchange's time, on one process or on all.
  void aggregate() {
    for (const auto& bucket : buckets_) {
      std::vector<MessageView> views;
      for (const auto& message : messages_[bucket.index]) views.push_back(view(message));
      aggregator_->aggregate(bucket, views, aggregates_[bucket.index]);
    }
  }
  void decode() {
    for (const auto& bucket : buckets_) {
      const auto aggregate = view(aggregates_[bucket.index]);
      if (!dense_view(*aggregator_, bucket, aggregate).empty()) continue;  // read where it lies
      // Where a step decodes straight into the parameters, the update is part of what is timed. So small that the next
      // backward is as this one.
      if (decode_axpy(*aggregator_, bucket, aggregate, 1e-12f, part_of(parameters_, bucket))) continue;
      mean_.resize(static_cast<std::size_t>(bucket.size()));
      aggregator_->decode(bucket, aggregate, mean_);
    }
  }
  std::size_t uplink_bytes() const {
    std::size_t bytes = 0;
    for (const auto& of_bucket : messages_) bytes += of_bucket.front().payload.size();
    return bytes;
  }

 private:
  void compress(std::size_t a, std::span<const float> all) {
    encoders_[a]->begin_step(step_, compressor_->traits().whole_gradient ? all : std::span<const float>());
    for (const auto& bucket : buckets_) encoders_[a]->encode(bucket, part_of(all, bucket), messages_[bucket.index][a]);
  }

  std::span<const float> gradient_;
  Buffer<float> others_;  ///< the other agents' gradient, so that making their messages does not fetch this one's
  std::span<float> parameters_;
  Buffer<float> mean_;
  std::unique_ptr<Compressor> compressor_;
  std::vector<Bucket> buckets_;
  std::vector<std::unique_ptr<Encoder>> encoders_;
  std::unique_ptr<Aggregator> aggregator_;
  std::vector<std::vector<Message>> messages_;
  std::vector<Message> aggregates_;
  std::uint64_t step_ = 0;
};

/// Forward and backward once, and a step's work on what they leave behind.
struct Sample {
  double gradient = 0, compress = 0, decode = 0, aggregate = 0;  ///< seconds
};

/// Samples of one row of the table.
class Samples {
 public:
  void add(const Sample& sample) { all_.push_back(sample); }
  double median_of(double Sample::*what) const {
    return median([&](const Sample& s) { return s.*what; });
  }
  /// Of forward and backward of the same round.
  double share() const {
    return median([](const Sample& s) { return (s.compress + s.decode) / s.gradient; });
  }

 private:
  template <class F>
  double median(F&& value) const {
    std::vector<double> values;
    for (const auto& sample : all_) values.push_back(value(sample));
    return upper_median(std::move(values));
  }
  std::vector<Sample> all_;
};

/// Every registered compressor, with arguments that people use, and some that differ in what they do.
std::vector<std::string> default_specs() {
  const std::map<std::string, std::string> usual = {
      {"k", "0.01"}, {"p", "0.01"}, {"levels", "7"}, {"inner...", "topk:0.01"}};
  std::vector<std::string> specs;
  for (const auto& [name, entry] : CompressorRegistry::instance().entries()) {
    std::string spec = name;
    for (const auto& parameter : entry.parameters) {
      if (!parameter.fallback.empty()) continue;
      const auto found = usual.find(parameter.name);
      spec += ":" + (found == usual.end() ? parameter.example : found->second);
    }
    // Rounds, between which the agents wait for each other, are not timed here.
    if (CompressorRegistry::instance().make(spec, CompressorSetup{{1000, 1}, 1, 1})->rounds() != nullptr) continue;
    specs.push_back(spec);
  }
  for (const char* more : {"none:fp16", "randk:0.01:fp16", "qsgd:1", "qsgd:127", "ef:scaled-sign", "ef:randk:0.01",
                           "ef21:scaled-sign"}) {
    specs.push_back(more);
  }
  return specs;
}

int run(int argc, char** argv) {
  cxxopts::Options options("tersegrad bench compressors",
                           "What each compressor costs one agent's step, by turns with forward and backward of the "
                           "model on the same thread (one thread, its own processor time). share: compress + decode "
                           "over forward + backward, to be at most 2 %. Most decode straight into the parameters: "
                           "the first row is that update alone, x - step·g, without any compressor");
  options.add_options()("model", "model, on random images of 3×32×32",
                        cxxopts::value<std::string>()->default_value("resnet"))
      ("batch", "rows", cxxopts::value<int>()->default_value("32"))
      ("agents", "agents whose messages are aggregated", cxxopts::value<int>()->default_value("2"))
      ("rounds", "times everything is timed; medians are shown", cxxopts::value<int>()->default_value("11"))
      ("compressors", "which, apart by commas; default: all that are registered",
       cxxopts::value<std::string>()->default_value(""))
      ("h,help", "this text");
  bool done = false;
  const auto given = parse_options(options, argc, argv, done);
  if (done) return 0;
  const int batch = given["batch"].as<int>(), agents = given["agents"].as<int>(), rounds = given["rounds"].as<int>();
  TERSEGRAD_CHECK(batch >= 1, "--batch ", batch, " (must be at least 1)");
  TERSEGRAD_CHECK(agents >= 1 && agents <= 1024, "--agents ", agents, " (must be from 1 to 1024)");
  TERSEGRAD_CHECK(rounds >= 1, "--rounds ", rounds, " (must be at least 1)");
  std::vector<std::string> specs;
  std::stringstream list(given["compressors"].as<std::string>());
  for (std::string spec; std::getline(list, spec, ',');) specs.push_back(spec);
  if (specs.empty()) specs = default_specs();

  prepare_compute(1);
  Batch images(given["model"].as<std::string>(), batch);
  images.forward_and_backward();
  const auto seconds_of = [](auto&& work) {
    const double start = now_s(Clock::thread);
    work();
    return now_s(Clock::thread) - start;
  };
  const auto sampled = [&](auto&& step) {  // two rounds to warm up
    Samples samples;
    for (int round = -2; round < rounds; ++round) {
      Sample sample{.gradient = seconds_of([&] { images.forward_and_backward(); })};
      step(sample);
      if (round >= 0) samples.add(sample);
    }
    return samples;
  };
  TextTable table({"compressor", "bytes up", "compress", "decode", "share", "aggregate"});
  const Samples update = sampled([&](Sample& sample) {
    sample.decode = seconds_of([&] { kernels::axpy(-1e-12f, images.gradient(), images.parameters()); });
  });
  table.add({"update alone", "", "", format_duration(update.median_of(&Sample::decode)),
             format_number(100 * update.share(), 3) + " %", ""});
  std::vector<double> gradients{update.median_of(&Sample::gradient)};
  bool all_kept = true;
  for (const auto& spec : specs) {
    Trip trip(spec, images, static_cast<std::uint32_t>(agents));
    const Samples samples = sampled([&](Sample& sample) {
      trip.others_compress();
      sample.compress = seconds_of([&] { trip.compress(); });
      const double beginning = seconds_of([&] { trip.begin(); });
      sample.aggregate = seconds_of([&] { trip.aggregate(); });
      sample.decode = beginning + seconds_of([&] { trip.decode(); });
    });
    gradients.push_back(samples.median_of(&Sample::gradient));
    const double share = samples.share();
    all_kept &= share <= 0.02;
    table.add({trip.name(), format_bytes(static_cast<double>(trip.uplink_bytes())),
               format_duration(samples.median_of(&Sample::compress)),
               format_duration(samples.median_of(&Sample::decode)),
               format_number(100 * share, 3) + (share <= 0.02 ? " %" : " % missed"),
               format_duration(samples.median_of(&Sample::aggregate))});
  }
  std::sort(gradients.begin(), gradients.end());
  std::cout << given["model"].as<std::string>() << ", d = " << images.gradient().size() << ", batch " << batch
            << ": forward + backward " << format_duration(gradients[gradients.size() / 2]) << "; " << agents
            << " agents, one thread\n"
            << table.str() << (all_kept ? "all" : "not all") << " within 2 % of forward + backward\n";
  return 0;
}

const CatalogueEntry<Bench> registration{"compressors", {"each compressor's share of a training step", run}};

}  // namespace
}  // namespace tersegrad
