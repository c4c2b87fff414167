// Replicas are compressed as if each were alone: no bit of one depends on another's coordinates.
#include <limits>

#include "conformance/conformance.hpp"
#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/compress/capabilities/update.hpp"

namespace tersegrad::testing {
namespace {

/// A vector with a value for every coordinate, and what it is.
struct Result {
  std::string what;
  std::vector<float> values;
};

/// Some steps as a run makes them (agents.cpp, step.cpp): all buckets encoded, then aggregated and applied by the fastest
/// way that the compressor has. \param steps of each, one gradient an agent
/// \return all that a replica can feel: what each agent decodes of its own, x after every step, and what is remembered
std::vector<Result> results_of(const Compressor& compressor, const std::vector<Vectors>& steps, std::int64_t bucket_size) {
  const std::size_t agents = steps.front().size();
  const auto total = static_cast<std::int64_t>(steps.front().front().size());
  Session session(compressor, agents);
  std::vector<Result> results;
  std::vector<float> x(static_cast<std::size_t>(total), 1.0f), mean;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    for (std::size_t a = 0; a < agents; ++a) session.encoders[a]->begin_step(s, steps[s][a]);
    session.aggregator->begin_step(s);
    std::vector<Bucket> buckets;
    std::vector<std::vector<Message>> messages;
    Vectors own(agents, std::vector<float>(x.size()));
    std::uint32_t nonfinite = 0;
    for (const Bucket& bucket : buckets_of(compressor, total, bucket_size)) {
      buckets.push_back(bucket);
      messages.emplace_back(agents);
      std::uint32_t affected = 0;
      for (std::size_t a = 0; a < agents; ++a) {
        Message& message = messages.back()[a];
        session.encoders[a]->encode(bucket, part_of(std::span(steps[s][a]), bucket), message);
        session.encoders[a]->decode_own(bucket, message, part_of(std::span(own[a]), bucket));
        affected += message.header.nonfinite > 0;
      }
      nonfinite = std::max(nonfinite, affected);
    }
    for (std::size_t a = 0; a < agents; ++a) results.push_back({concat("what agent ", a, " sent at step ", s), own[a]});
    for (const Bucket& bucket : buckets) {
      std::vector<MessageView> uplinks;
      for (const auto& message : messages[bucket.index]) uplinks.push_back(view(message));
      Message aggregate;
      session.aggregator->aggregate(bucket, uplinks, aggregate);
      aggregate.header.nonfinite = nonfinite;
      const auto of_x = part_of(std::span(x), bucket);
      std::span<const float> given = dense_view(*session.aggregator, bucket, view(aggregate));
      if (given.empty() && nonfinite == 0 && decode_axpy(*session.aggregator, bucket, view(aggregate), 0.3f, of_x)) continue;
      if (given.empty()) {
        mean.resize(of_x.size());
        session.aggregator->decode(bucket, view(aggregate), mean);
        given = mean;
      }
      for (std::size_t j = 0; j < of_x.size(); ++j) of_x[j] -= 0.3f * given[j];
    }
    results.push_back({concat("x after step ", s), x});
  }
  const auto add_state = [&](const std::string& owner, std::vector<State> states) {
    for (const State& state : states) {
      results.push_back({owner + "'s " + state.name, {state.values.begin(), state.values.end()}});
    }
  };
  for (std::size_t a = 0; a < agents; ++a) add_state(concat("agent ", a), state_of(*session.encoders[a]));
  add_state("the aggregator", state_of(*session.aggregator));
  return results;
}

/// What becomes of a replica's part of a gradient.
struct Change {
  const char* what;
  float (*of)(float value, std::size_t coordinate);
};
constexpr float infinity = std::numeric_limits<float>::infinity();
const Change changes[] = {
    {"other values", [](float v, std::size_t j) { return 0.5f - v * static_cast<float>(j % 5); }},
    {"values 10^12 times as large", [](float v, std::size_t) { return 1e12f * v; }},
    {"values 10^-30 times as large", [](float v, std::size_t) { return 1e-30f * v; }},
    {"the largest floats", [](float v, std::size_t) { return std::copysign(std::numeric_limits<float>::max(), v); }},
    {"zeros", [](float, std::size_t) { return 0.0f; }},
    {"NaN", [](float, std::size_t) { return std::numeric_limits<float>::quiet_NaN(); }},
    {"a single NaN", [](float v, std::size_t j) { return j == 0 ? std::numeric_limits<float>::quiet_NaN() : v; }},
    {"inf", [](float v, std::size_t) { return std::copysign(infinity, v); }}};

struct CrossTalk {
  std::string found;  ///< the first coordinate that another replica changed; "" if none did
  int felt = 0;       ///< changes that the changed replica itself felt
  int made = 0;       ///< changes made
};

/// Changes one replica after another, in the first of three steps, in one agent's gradient and in all agents'.
CrossTalk cross_talk(const Compressor& compressor, const Layout& layout, std::uint32_t agents) {
  CrossTalk result;
  std::vector<Vectors> steps;
  for (std::uint64_t s = 0; s < 3; ++s) steps.push_back(gradients_of(agents, layout.total(), 100 * s + 7));
  const auto dim = static_cast<std::size_t>(layout.dim), replicas = static_cast<std::size_t>(layout.replicas);
  for (const std::int64_t bucket_size : {std::int64_t{128}, layout.total()}) {
    const auto before = results_of(compressor, steps, bucket_size);
    for (const std::size_t changed : {std::size_t{0}, replicas / 2, replicas - 1}) {
      for (const Change& change : changes) {
        for (const bool everywhere : {false, true}) {
          auto others = steps;
          for (std::size_t a = everywhere ? 0 : agents - 1; a < agents; ++a) {
            for (std::size_t j = 0; j < dim; ++j) {
              float& value = others[0][a][changed * dim + j];
              value = change.of(value, j);
            }
          }
          const auto after = results_of(compressor, others, bucket_size);
          bool felt = false;
          for (std::size_t i = 0; i < before.size(); ++i) {
            const auto &p = before[i].values, &q = after[i].values;
            if (p.size() != q.size() || p.size() % replicas != 0) {
              result.found = concat(before[i].what, " is not cut into replicas");
              return result;
            }
            const std::size_t each = p.size() / replicas;
            for (std::size_t j = 0; j < p.size(); ++j) {
              if (std::memcmp(&p[j], &q[j], sizeof(float)) == 0) continue;
              if (j / each == changed) {
                felt = true;
              } else {
                result.found = concat("with ", change.what, " in replica ", changed, " of ", everywhere ? "all agents" : "an agent",
                                      ", ", before[i].what, " changes from ", p[j], " to ", q[j], " in replica ", j / each,
                                      " (coordinate ", j, ", buckets of ", bucket_size, ", ", replicas, " replicas of ", dim, ")");
                return result;
              }
            }
          }
          ++result.made;
          result.felt += felt;
        }
      }
    }
  }
  return result;
}

const Layout layouts[] = {{7, 37}, {1, 300}, {100, 5}, {128, 3}, {130, 4}, {500, 2}};

class EveryReplica : public Conformance {};

TEST_P(EveryReplica, IsCompressedAsIfItWereAlone) {
  int felt = 0, made = 0;
  for (const Layout& layout : layouts) {
    for (const std::uint32_t agents : {1u, 3u}) {
      const auto result = cross_talk(*make(GetParam(), layout, agents), layout, agents);
      EXPECT_EQ(result.found, "");
      felt += result.felt;
      made += result.made;
    }
  }
  EXPECT_GT(felt, made / 4) << "too few of the changes reach even the replica that they are made in";
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryReplica, ::testing::ValuesIn(tested_specs()), test_name);

/// A plausible new member: the signs of every 128 coordinates, times the mean of their magnitudes. It passes the other
/// conformance tests. Its blocks are of the vector, not of a replica.
class BlockMeans final : public Compressor {
 public:
  explicit BlockMeans(std::unique_ptr<Compressor> wire) : wire_(std::move(wire)) {}
  std::string name() const override { return "block-means"; }
  Traits traits() const override { return {}; }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override { return wire_->max_payload_bytes(bucket); }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override { return std::make_unique<Signs>(wire_->encoder(agent)); }
  std::unique_ptr<Aggregator> aggregator() const override { return wire_->aggregator(); }

 private:
  class Signs final : public Encoder {
   public:
    explicit Signs(std::unique_ptr<Encoder> wire) : wire_(std::move(wire)) {}
    void begin_step(std::uint64_t step, std::span<const float>) override { wire_->begin_step(step, {}); }
    void pack(const Bucket& bucket, std::span<const float> values, Message& message) override {
      std::vector<float> scaled(values.begin(), values.end());
      for (std::size_t begin = 0; begin < scaled.size(); begin += 128) {
        const auto block = std::span(scaled).subspan(begin, std::min<std::size_t>(128, scaled.size() - begin));
        double sum = 0;
        for (const float value : block) sum += std::abs(double(value));
        const auto mean = static_cast<float>(sum / static_cast<double>(block.size()));
        for (float& value : block) value = value == 0 ? 0 : std::copysign(mean, value);
      }
      wire_->encode(bucket, scaled, message);
      message.header.nonfinite = static_cast<std::uint32_t>(
          std::count_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); }));
    }
    void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
      wire_->decode_own(bucket, message, out);
    }

   private:
    std::unique_ptr<Encoder> wire_;
  };

  std::unique_ptr<Compressor> wire_;
};

TEST(CrossTalkIsFound, InBlocksAcrossReplicas) {
  for (const Layout& layout : layouts) {
    if (layout.dim % 128 == 0) continue;  // there its blocks are replicas' own
    EXPECT_NE(cross_talk(BlockMeans(make("none", layout, 2)), layout, 2).found, "") << layout.dim;
  }
}

TEST(CrossTalkIsFound, InMembersThatTakeAllReplicasForOne) {
  for (const char* spec : {"topk:0.25", "ntopk:0.25", "scaled-sign", "qsgd:4", "qsgd:7:0", "qsgd:127:48", "terngrad", "ef:topk:0.25",
                           "ef:scaled-sign", "ef21:topk:0.25", "signum:0.99:scaled-sign"}) {
    const Layout layout{100, 5};
    EXPECT_NE(cross_talk(*make(spec, layout.total(), 2), layout, 2).found, "") << spec;
  }
}

}  // namespace
}  // namespace tersegrad::testing
