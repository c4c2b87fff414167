// A compressor for each of several groups of tensors, chosen by the tensors' names.
//
//     per-layer:*bias=none,first*=sign,powersgd:4
//
// Rules are tried in their order, and a tensor belongs to the first that matches: PATTERN=COMPRESSOR, with * for any characters
// and ? for one; one without a pattern is for every tensor. A group is compressed as if it were the whole model: its tensors
// concatenated, with their shapes; a k or a norm is that of the group. Groups draw independently.
//
// Every group's messages are its own compressor's: in the rounds of capabilities/rounds.hpp, with a part of the vector for each
// group, labelled with its rule. A compressor of one round sends its group in the first.
#include <algorithm>
#include <memory>
#include <vector>

#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/compress/capabilities/partial_sums.hpp"
#include "tersegrad/compress/capabilities/rounds.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/compress/layers/tensor_groups.hpp"
#include "tersegrad/core/buffer.hpp"

namespace tersegrad {
namespace {

/// A group, its compressor, and where its vectors lie among all groups' in each round.
struct Group {
  TensorGroup tensors;
  std::shared_ptr<const Compressor> compressor;
  std::vector<std::int64_t> begins, lengths;  ///< [round]; none in rounds that it does not have

  int rounds() const { return static_cast<int>(lengths.size()); }
  /// Its own view of a bucket. The index stays: it is the step's.
  Bucket local(const Bucket& bucket) const {
    Bucket own = bucket;
    own.begin -= begins[static_cast<std::size_t>(bucket.round)];
    own.end -= begins[static_cast<std::size_t>(bucket.round)];
    return own;
  }
  std::span<const float> part_of_round(int round, std::span<const float> whole) const {
    const auto r = static_cast<std::size_t>(round);
    return whole.subspan(static_cast<std::size_t>(begins[r]), static_cast<std::size_t>(lengths[r]));
  }
};
using Groups = std::vector<Group>;

std::size_t group_of(const Groups& groups, const Bucket& bucket) {
  const auto round = static_cast<std::size_t>(bucket.round);
  for (std::size_t g = groups.size(); g-- > 0;) {
    const Group& group = groups[g];
    if (round < group.begins.size() && group.begins[round] <= bucket.begin &&
        bucket.begin < group.begins[round] + group.lengths[round]) {
      return g;
    }
  }
  throw Bug(concat("bucket ", bucket.index, " of round ", bucket.round, " belongs to no group"));
}

/// A checkpoint's names are short, and rules may be long: groups go by their numbers.
std::vector<State> named(std::size_t group, std::vector<State> states) {
  for (auto& state : states) state.name = concat("group", group, "/", state.name);
  return states;
}

class PerLayerEncoder final : public Encoder, public RoundsEncoder, public EncoderMemory {
 public:
  PerLayerEncoder(const Groups& groups, std::uint32_t agent) : groups_(groups), values_(groups.size()) {
    for (const auto& group : groups) encoders_.push_back(group.compressor->encoder(agent));
  }

  void begin_step(std::uint64_t step, std::span<const float> gradient) override {
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      groups_[g].tensors.gather(gradient, values_[g]);
      encoders_[g]->begin_step(step, groups_[g].compressor->traits().whole_gradient ? std::span<const float>(values_[g])
                                                                                    : std::span<const float>());
    }
  }

  RoundsEncoder* rounds() override { return this; }
  void begin_round(int round, std::span<const float> result) override {
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      RoundsEncoder* rounds = encoders_[g]->rounds();
      if (rounds == nullptr || round >= groups_[g].rounds()) continue;
      rounds->begin_round(round, round == 0 ? std::span<const float>() : groups_[g].part_of_round(round - 1, result));
    }
  }

  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    const std::size_t g = group_of(groups_, bucket);
    encoders_[g]->decode_own(groups_[g].local(bucket), message, out);
  }

  EncoderMemory* memory() override {
    return std::any_of(encoders_.begin(), encoders_.end(), [](auto& encoder) { return encoder->memory() != nullptr; }) ? this
                                                                                                                       : nullptr;
  }
  std::vector<State> state() override {
    std::vector<State> all;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const auto its = named(g, state_of(*encoders_[g]));
      all.insert(all.end(), its.begin(), its.end());
    }
    return all;
  }
  void discard_step() override {
    for (auto& encoder : encoders_) {
      if (EncoderMemory* memory = encoder->memory()) memory->discard_step();
    }
  }

 protected:
  void pack(const Bucket& bucket, std::span<const float>, Message& message) override {
    const std::size_t g = group_of(groups_, bucket);
    const Bucket local = groups_[g].local(bucket);
    const bool own_vectors = encoders_[g]->rounds() != nullptr;
    encoders_[g]->encode(local, own_vectors ? std::span<const float>() : part_of(std::span<const float>(values_[g]), local), message);
  }

 private:
  const Groups& groups_;
  std::vector<std::unique_ptr<Encoder>> encoders_;
  std::vector<Buffer<float>> values_;  // [group] its part of the gradient
};

class PerLayerAggregator final : public Aggregator,
                                 public RoundsAggregator,
                                 public AggregatorMemory,
                                 public RootMemory,
                                 public PartialSums {
 public:
  explicit PerLayerAggregator(const Groups& groups) : groups_(groups), means_(groups.size()) {
    for (std::size_t g = 0; g < groups.size(); ++g) {
      aggregators_.push_back(groups[g].compressor->aggregator());
      means_[g].resize(static_cast<std::size_t>(groups[g].tensors.layout().total()));
    }
  }
  void begin_step(std::uint64_t step) override {
    undecoded_.clear();
    for (auto& aggregator : aggregators_) aggregator->begin_step(step);
  }
  void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) override {
    const std::size_t g = group_of(groups_, bucket);
    aggregators_[g]->decode(groups_[g].local(bucket), aggregate, mean);
  }

  RoundsAggregator* rounds() override { return this; }
  void absorb(const Bucket& bucket, const MessageView& aggregate) override {
    const std::size_t g = group_of(groups_, bucket);
    const Bucket local = groups_[g].local(bucket);
    if (RoundsAggregator* rounds = aggregators_[g]->rounds()) return rounds->absorb(local, aggregate);
    undecoded_.push_back({g, local, aggregate});  // decode() may remember
  }
  std::span<const float> end_round(int round) override {
    result_.clear();
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      if (round >= groups_[g].rounds()) continue;
      const auto length = static_cast<std::size_t>(groups_[g].lengths[static_cast<std::size_t>(round)]);
      if (RoundsAggregator* rounds = aggregators_[g]->rounds()) {
        const auto its = rounds->end_round(round);
        result_.insert(result_.end(), its.begin(), its.end());
        result_.resize(result_.size() + length - its.size());  // after the last round it may be empty
      } else {
        result_.resize(result_.size() + length);  // nobody asks for it
      }
    }
    return result_;
  }
  void update(std::span<float> mean) override {
    for (const auto& [g, bucket, aggregate] : undecoded_) {
      aggregators_[g]->decode(bucket, aggregate, part_of(std::span<float>(means_[g]), bucket));
    }
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      if (RoundsAggregator* rounds = aggregators_[g]->rounds()) rounds->update(means_[g]);
      groups_[g].tensors.scatter(means_[g], mean);
    }
  }

  PartialSums* partial_sums() override {
    return std::all_of(aggregators_.begin(), aggregators_.end(),
                       [](auto& aggregator) { return aggregator->partial_sums() != nullptr; })
               ? this
               : nullptr;
  }

  AggregatorMemory* memory() override {
    return std::any_of(aggregators_.begin(), aggregators_.end(),
                       [](auto& aggregator) { return aggregator->memory() != nullptr; })
               ? this
               : nullptr;
  }
  std::vector<State> state() override {
    std::vector<State> all;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const auto its = named(g, tersegrad::state_of(*aggregators_[g]));
      all.insert(all.end(), its.begin(), its.end());
    }
    return all;
  }

  RootMemory* root_memory() override {
    return std::any_of(aggregators_.begin(), aggregators_.end(),
                       [](auto& aggregator) { return aggregator->root_memory() != nullptr; })
               ? this
               : nullptr;
  }
  std::string name() const override { return "root"; }
  std::vector<std::span<float>> state_of(const Bucket& bucket) override {
    const std::size_t g = group_of(groups_, bucket);
    RootMemory* memory = aggregators_[g]->root_memory();
    return memory == nullptr ? std::vector<std::span<float>>() : memory->state_of(groups_[g].local(bucket));
  }
  void discard_step() override {
    for (auto& aggregator : aggregators_) {
      if (AggregatorMemory* memory = aggregator->memory()) memory->discard_step();
      if (RootMemory* memory = aggregator->root_memory()) memory->discard_step();
    }
  }

 protected:
  void combine(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) override {
    const std::size_t g = group_of(groups_, bucket);
    aggregators_[g]->aggregate(groups_[g].local(bucket), uplinks, aggregate);
  }
  void combine_partial(const Bucket& bucket, std::span<const MessageView> uplinks, Message& partial) override {
    const std::size_t g = group_of(groups_, bucket);
    aggregators_[g]->partial_sums()->aggregate_partial(groups_[g].local(bucket), uplinks, partial);
  }
  void combine_joined(const Bucket& bucket, std::span<const MessageView> partials, Message& aggregate) override {
    const std::size_t g = group_of(groups_, bucket);
    aggregators_[g]->partial_sums()->join_partials(groups_[g].local(bucket), partials, aggregate);
  }

 private:
  const Groups& groups_;
  std::vector<std::unique_ptr<Aggregator>> aggregators_;
  std::vector<Buffer<float>> means_;  // [group]
  std::vector<float> result_;
  struct Undecoded {
    std::size_t group;
    Bucket bucket;  // the group's own
    MessageView aggregate;
  };
  std::vector<Undecoded> undecoded_;
};

class PerLayer final : public Compressor, public Rounds {
 public:
  PerLayer(std::vector<TensorGroup> groups, const CompressorSetup& setup) {
    for (std::size_t g = 0; g < groups.size(); ++g) {
      CompressorSetup of_group = setup;
      of_group.layout = groups[g].layout();
      of_group.seed ^= 0x9e3779b97f4a7c15u * g;  // the first group draws as the compressor would alone
      Group group{groups[g], CompressorRegistry::instance().make(groups[g].compressor(), of_group), {}, {}};
      if (const Rounds* rounds = group.compressor->rounds()) {
        for (int r = 0; r < rounds->count(); ++r) {
          std::int64_t length = 0;
          for (const RoundPart& part : rounds->parts(r)) length += part.length;
          group.lengths.push_back(length);
        }
      } else {
        group.lengths = {groups[g].layout().total()};
      }
      groups_.push_back(std::move(group));
    }
    for (int round = 0; round < count(); ++round) {
      std::int64_t begin = 0;
      for (auto& group : groups_) {
        if (round >= group.rounds()) continue;
        group.begins.push_back(begin);
        begin += group.lengths[static_cast<std::size_t>(round)];
      }
    }
  }

  std::string name() const override {
    std::vector<std::string> rules;
    for (const auto& group : groups_) rules.push_back(group.tensors.pattern() + "=" + group.compressor->name());
    return "per-layer:" + join(rules, ",");
  }

  /// What holds of every group: the largest ω, the smallest δ.
  Traits traits() const override {
    Traits all{.averaged = true, .dense_fp32 = true, .whole_gradient = true};
    all.kind = groups_.front().compressor->traits().kind;
    all.constant = groups_.front().compressor->traits().constant;
    for (const auto& group : groups_) {
      const Traits its = group.compressor->traits();
      if (its.kind != all.kind) all.kind = Traits::Kind::biased;
      all.constant = all.kind == Traits::Kind::contractive ? std::min(all.constant, its.constant) : std::max(all.constant, its.constant);
      all.averaged &= its.averaged;
      all.dense_fp32 &= its.dense_fp32;
      all.wire_roundoff = std::max(all.wire_roundoff, its.wire_roundoff);
      all.bucket_unit = std::max(all.bucket_unit, its.bucket_unit);
    }
    if (all.kind == Traits::Kind::biased) all.constant = 0;
    return all;
  }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override {
    const Group& group = groups_[group_of(groups_, bucket)];
    return group.compressor->max_payload_bytes(group.local(bucket));
  }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override { return std::make_unique<PerLayerEncoder>(groups_, agent); }
  std::unique_ptr<Aggregator> aggregator() const override { return std::make_unique<PerLayerAggregator>(groups_); }

  const Rounds* rounds() const override { return this; }
  int count() const override {
    int most = 1;
    for (const auto& group : groups_) most = std::max(most, group.rounds());
    return most;
  }
  std::vector<RoundPart> parts(int round) const override {
    std::vector<RoundPart> all;
    for (const auto& group : groups_) {
      if (round >= group.rounds()) continue;
      const Rounds* rounds = group.compressor->rounds();
      auto its = rounds == nullptr ? std::vector<RoundPart>{{"", group.lengths.front()}} : rounds->parts(round);
      for (auto& part : its) part.label = group.tensors.label();
      all.insert(all.end(), its.begin(), its.end());
    }
    return all;
  }

 private:
  Groups groups_;
};

const Registration<Compressor, const CompressorSetup&> registration{
    "per-layer",
    "a compressor for each group of tensors, by patterns over their names; the first that matches",
    {{"rules...", "", "PATTERN=COMPRESSOR or, for the rest, COMPRESSOR, separated by commas: *bias=none,first*=sign,topk:0.01", "topk:0.25"}},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      return std::make_unique<PerLayer>(group_tensors(arguments.text("rules"), setup.layout), setup);
    }};

}  // namespace
}  // namespace tersegrad
