// Majority vote: one bit a coordinate up, one bit down (signSGD with majority vote, Bernstein et al. 2018, Alg. 3).
//
//     C_j = sign(Σ_i sign(g_ij))
//
// The papers leave sign(0) open, yet with an even N a noisy coordinate ties often. A tie, as many votes for as against,
// is decided by `tie`: a fair coin by default (any fixed side would push all ties the same way), drawn from the stream
// of "agent" N and addressed by coordinate, so that it does not matter where the votes are counted. A coordinate on
// which every agent votes zero (dead units; possible with zero=exact only) is no tie: it stays 0, by a packed mask in
// buckets that have such. With tie=zero that mask holds the ties too, up to a second bit.
// ±inf votes its sign and NaN votes zero (see ZeroRule); both are counted in header.nonfinite.
#include <algorithm>
#include <vector>

#include "tersegrad/compress/capabilities/partial_sums.hpp"
#include "tersegrad/compress/capabilities/update.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/kernels/sign/planes.hpp"
#include "tersegrad/compress/sign/sign_planes.hpp"
#include "tersegrad/compress/sign/vote_count.hpp"

namespace tersegrad {
namespace {

enum class TieRule { random, plus, minus, zero };

class MajorityAggregator final : public Aggregator, public PartialSums, public FusedUpdate {
 public:
  MajorityAggregator(TieRule tie, const CompressorSetup& setup) : tie_(tie), seed_(setup.seed), agents_(setup.agents) {}
  void begin_step(std::uint64_t step) override { step_ = step; }

  void combine(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) override {
    votes_.count(bucket, uplinks, sum_);
    decide(bucket, find_abstained(bucket), aggregate);
  }

  // A group's sum is the count of a smaller N, and where all its votes are zero, which the count does not tell from a
  // tie, and of which only those of every group matter in the end.
  PartialSums* partial_sums() override { return this; }
  void combine_partial(const Bucket& bucket, std::span<const MessageView> uplinks, Message& partial) override {
    votes_.count(bucket, uplinks, partial);
    if (!find_abstained(bucket)) return;
    append_mask(bucket, abstained_, static_cast<std::int64_t>(partial.payload.size()), partial, packed_);
    partial.header.flags |= flag_abstained;
  }

  void combine_joined(const Bucket& bucket, std::span<const MessageView> partials, Message& aggregate) override {
    bool all_abstain = tie_ != TieRule::zero;
    abstained_.assign(static_cast<std::size_t>(plane_bytes(bucket.size())), std::byte{0xff});
    counts_.clear();
    for (const auto& partial : partials) counts_.push_back(without_mask(bucket, partial, all_abstain));
    votes_.join(bucket, counts_, agents_, sum_);
    decide(bucket, all_abstain, aggregate);
  }

  void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) override {
    decode_signs(read_signs(bucket, aggregate, 0, packed_), mean);
  }
  FusedUpdate* fused_update() override { return this; }
  bool decode_axpy(const Bucket& bucket, const MessageView& aggregate, float step, std::span<float> x) override {
    subtract_signs(read_signs(bucket, aggregate, 0, packed_), step, x);
    return true;
  }

 private:
  /// Fills `abstained_` with the coordinates on which each of the messages just counted votes zero.
  /// \returns whether there are any; they are not looked for where the rule for ties has them anyway
  bool find_abstained(const Bucket& bucket) {
    const auto zeros = votes_.zeros();
    if (tie_ == TieRule::zero || std::find(zeros.begin(), zeros.end(), nullptr) != zeros.end()) return false;
    abstained_.assign(static_cast<std::size_t>(plane_bytes(bucket.size())), std::byte{0xff});
    for (const std::byte* mask : zeros) narrow_abstained(mask);
    return any(abstained_);
  }

  void narrow_abstained(const std::byte* mask) {
    for (std::size_t b = 0; b < abstained_.size(); ++b) abstained_[b] &= mask[b];
  }

  static bool any(std::span<const std::byte> plane) {
    std::byte found{0};
    for (const std::byte bits : plane) found |= bits;
    return found != std::byte{0};
  }

  /// A partial sum's counts alone; its mask narrows `abstained_`, and where there is none nobody abstains.
  MessageView without_mask(const Bucket& bucket, MessageView partial, bool& all_abstain) {
    if ((partial.header.flags & flag_abstained) == 0) {
      all_abstain = false;
      return partial;
    }
    TERSEGRAD_CHECK((partial.header.flags & flag_zeros) != 0,
                    "a partial sum in which all and none voted zero, at step ", partial.header.step, ", bucket ",
                    partial.header.bucket, " (a damaged message)");
    const std::int64_t at = VoteCounter::plane_count(partial.header.agent, true) * plane_bytes(bucket.size());
    narrow_abstained(read_mask(bucket, partial, at, packed_));
    partial.payload = partial.payload.first(static_cast<std::size_t>(at));
    partial.header.payload_bytes = static_cast<std::uint64_t>(at);
    return partial;
  }

  /// The vote, from the count of all agents that `votes_` has just made.
  /// \param may_abstain whether `abstained_` holds where every agent votes zero; if not, nowhere
  void decide(const Bucket& bucket, bool may_abstain, Message& aggregate) {
    const auto plane = static_cast<std::size_t>(plane_bytes(bucket.size()));
    const int factor = (sum_.header.flags & flag_zeros) != 0 ? 1 : 2;
    resize_payload(aggregate, static_cast<std::int64_t>(plane));
    const std::span<std::byte> signs(aggregate.payload);
    ties_.resize(plane);
    kernels::majority(votes_.planes(), plane, -static_cast<std::int64_t>(agents_), factor, kernels::Tie::zero, nullptr,
                      signs.data(), ties_.data());
    // Bits past the last coordinate: whatever a message has there must not become a vote.
    if (bucket.size() % 8 != 0) ties_.back() &= static_cast<std::byte>((1u << (bucket.size() % 8)) - 1);
    const bool any_mask = split_ties(may_abstain);
    if (tie_ == TieRule::random) {
      toss_coins({seed_, Purpose::zero, agents_, step_}, bucket, ties_, signs);
    } else if (tie_ == TieRule::plus) {
      for (std::size_t b = 0; b < plane; ++b) signs[b] |= ties_[b];
    }
    if (any_mask) append_mask(bucket, mask_, static_cast<std::int64_t>(plane), aggregate, packed_);
  }

  /// Moves what comes back as 0 from the ties to the mask. \returns whether there is any
  bool split_ties(bool may_abstain) {
    if (tie_ != TieRule::zero && !may_abstain) return false;
    mask_ = ties_;
    if (tie_ != TieRule::zero) {
      for (std::size_t b = 0; b < mask_.size(); ++b) mask_[b] &= abstained_[b];
    }
    for (std::size_t b = 0; b < mask_.size(); ++b) ties_[b] &= ~mask_[b];
    return any(mask_);
  }

  TieRule tie_;
  std::uint64_t seed_;
  std::uint32_t agents_;
  std::uint64_t step_ = 0;
  VoteCounter votes_;
  Message sum_;
  std::vector<MessageView> counts_;
  std::vector<std::byte> ties_, abstained_, mask_, packed_;
};

class Majority final : public Compressor {
 public:
  Majority(ZeroRule zero, TieRule tie, const CompressorSetup& setup) : zero_(zero), tie_(tie), setup_(setup) {}
  std::string name() const override {
    const char* ties[] = {"", ":tie=plus", ":tie=minus", ":tie=zero"};
    return concat("majority", ties[static_cast<int>(tie_)], zero_suffix(zero_));
  }
  Traits traits() const override { return {.family = Traits::Family::majority, .averaged = false}; }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override {
    // Of a partial sum: the counts, and a mask.
    return static_cast<std::uint64_t>((VoteCounter::plane_count(setup_.agents, true) + 1) * plane_bytes(bucket.size()));
  }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override {
    return sign_encoder(zero_, setup_.seed, agent);
  }
  std::unique_ptr<Aggregator> aggregator() const override { return std::make_unique<MajorityAggregator>(tie_, setup_); }

 private:
  ZeroRule zero_;
  TieRule tie_;
  CompressorSetup setup_;
};

const Registration<Compressor, const CompressorSetup&> registration{
    "majority",
    "one bit a coordinate up, the majority's one bit down (signSGD with majority vote)",
    {{"tie", "random",
      "as many votes for as against: random (fair coin), plus (+1), minus (-1) or zero (a mask, up to one bit more)"},
     zero_parameter()},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      const auto& tie = arguments.one_of("tie", {"random", "plus", "minus", "zero"});
      const auto rule = tie == "random"  ? TieRule::random
                        : tie == "plus"  ? TieRule::plus
                        : tie == "minus" ? TieRule::minus
                                         : TieRule::zero;
      return std::make_unique<Majority>(zero_rule(arguments), rule, setup);
    }};

}  // namespace
}  // namespace tersegrad
