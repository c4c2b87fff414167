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

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/kernels/planes.hpp"
#include "tersegrad/compress/sign_planes.hpp"

namespace tersegrad {
namespace {

enum class TieRule { random, plus, minus, zero };

class MajorityAggregator final : public Aggregator {
 public:
  MajorityAggregator(TieRule tie, const CompressorSetup& setup) : tie_(tie), seed_(setup.seed), agents_(setup.agents) {}
  void begin_step(std::uint64_t step) override { step_ = step; }

  void merge(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) override {
    const auto plane = static_cast<std::size_t>(plane_bytes(bucket.size()));
    read(bucket, uplinks);
    count(plane, static_cast<std::int64_t>(uplinks.size()));
    resize_payload(aggregate, static_cast<std::int64_t>(plane));
    const std::span<std::byte> signs(aggregate.payload);
    ties_.resize(plane);
    kernels::majority(counts_view_, plane, -static_cast<std::int64_t>(uplinks.size()), any_zero_ ? 1 : 2,
                      kernels::Tie::zero, nullptr, signs.data(), ties_.data());
    const bool any_mask = split_ties();
    if (tie_ == TieRule::random) {
      toss_coins({seed_, Purpose::zero, agents_, step_}, bucket, ties_, signs);
    } else if (tie_ == TieRule::plus) {
      for (std::size_t b = 0; b < plane; ++b) signs[b] |= ties_[b];
    }
    aggregate.header.flags = 0;
    aggregate.header.k = static_cast<std::uint64_t>(bucket.size());
    if (any_mask) append_mask(bucket, mask_, static_cast<std::int64_t>(plane), aggregate, packed_);
  }

  void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) override {
    decode_signs(read_signs(bucket, aggregate, 0, packed_), mean);
  }

 private:
  void read(const Bucket& bucket, std::span<const MessageView> uplinks) {
    signs_.clear();
    zeros_.clear();
    any_zero_ = false;
    scratch_.resize(uplinks.size());
    for (std::size_t a = 0; a < uplinks.size(); ++a) {
      const SignPlanes planes = read_signs(bucket, uplinks[a], 0, scratch_[a]);
      signs_.push_back(planes.signs);
      zeros_.push_back(planes.zeros);
      any_zero_ |= planes.zeros != nullptr;
    }
    // Bits past the last coordinate: whatever a message has there must not become a vote.
    last_byte_ = bucket.size() % 8 == 0 ? std::byte{0xff} : static_cast<std::byte>((1u << (bucket.size() % 8)) - 1);
  }

  void count(std::size_t plane, std::int64_t agents) {
    const int planes = kernels::planes_for(any_zero_ ? 2 * agents : agents);
    counts_.resize(static_cast<std::size_t>(planes) * plane);
    counts_out_.clear();
    for (int p = 0; p < planes; ++p) counts_out_.push_back(counts_.data() + static_cast<std::size_t>(p) * plane);
    if (any_zero_) {
      kernels::count_votes_with_zeros(signs_, zeros_, plane, counts_out_.data(), planes);
    } else {
      kernels::count_votes(signs_, plane, counts_out_.data(), planes);
    }
    counts_view_.assign(counts_out_.begin(), counts_out_.end());
  }

  /// Moves what comes back as 0 from the ties to the mask. \returns whether there is any
  bool split_ties() {
    ties_.back() &= last_byte_;
    const bool may_all_be_zero = std::find(zeros_.begin(), zeros_.end(), nullptr) == zeros_.end();
    if (tie_ != TieRule::zero && !may_all_be_zero) return false;
    mask_ = ties_;
    if (tie_ != TieRule::zero) {
      for (const std::byte* zeros : zeros_) {
        for (std::size_t b = 0; b < mask_.size(); ++b) mask_[b] &= zeros[b];
      }
    }
    std::byte any{0};
    for (std::size_t b = 0; b < mask_.size(); ++b) {
      ties_[b] &= ~mask_[b];
      any |= mask_[b];
    }
    return any != std::byte{0};
  }

  TieRule tie_;
  std::uint64_t seed_;
  std::uint32_t agents_;
  std::uint64_t step_ = 0;
  std::vector<const std::byte*> signs_, zeros_, counts_view_;
  std::vector<std::vector<std::byte>> scratch_;
  std::vector<std::byte*> counts_out_;
  std::vector<std::byte> counts_, ties_, mask_, packed_;
  bool any_zero_ = false;
  std::byte last_byte_{0xff};
};

class Majority final : public Compressor {
 public:
  Majority(ZeroRule zero, TieRule tie, const CompressorSetup& setup) : zero_(zero), tie_(tie), setup_(setup) {}
  std::string name() const override {
    const char* ties[] = {"", ":tie=plus", ":tie=minus", ":tie=zero"};
    return concat("majority", ties[static_cast<int>(tie_)], zero_suffix(zero_));
  }
  Traits traits() const override { return {Traits::Kind::biased, 0, false}; }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override {
    return static_cast<std::uint64_t>(2 * plane_bytes(bucket.size()));
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
