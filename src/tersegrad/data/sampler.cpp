#include "tersegrad/data/sampler.hpp"

#include <algorithm>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/random/random.hpp"

namespace tersegrad {

SamplingMode parse_sampling_mode(std::string_view text) {
  if (text == "shuffle") return SamplingMode::shuffle;
  if (text == "iid") return SamplingMode::iid;
  throw Error(concat("unknown sampling '", text, "' (known: iid, shuffle)"));
}

std::string_view name_of(SamplingMode mode) { return mode == SamplingMode::shuffle ? "shuffle" : "iid"; }

BatchSampler::BatchSampler(std::vector<std::uint32_t> rows, std::int64_t batch, SamplingMode mode, std::uint64_t seed,
                           std::uint32_t agent)
    : rows_(std::move(rows)), batch_(batch), mode_(mode), seed_(seed), agent_(agent) {
  TERSEGRAD_CHECK(!rows_.empty(), "agent ", agent, " has no rows to draw mini-batches from; use fewer agents");
  TERSEGRAD_CHECK(batch >= 1, "cannot draw mini-batches of ", batch, " rows (must be at least 1)");
}

void BatchSampler::rows(std::uint64_t step, std::vector<std::int64_t>& out) {
  const auto count = static_cast<std::uint64_t>(rows_.size());
  out.resize(static_cast<std::size_t>(batch_));
  if (mode_ == SamplingMode::iid) {
    Sequence random({.seed = seed_, .purpose = Purpose::batch, .agent = agent_, .step = step});
    for (auto& row : out) row = rows_[random.below(count)];
    return;
  }
  __extension__ using Wide = unsigned __int128;
  const Wide first = static_cast<Wide>(step) * static_cast<std::uint64_t>(batch_);
  TERSEGRAD_CHECK(first / count < (Wide{1} << 48), "step ", step, " is out of range (its epoch is beyond 2^48)");
  auto epoch = static_cast<std::uint64_t>(first / count);
  auto offset = static_cast<std::uint64_t>(first % count);
  for (auto to = out.begin(); to != out.end(); ++epoch, offset = 0) {
    const auto& order = epoch_order(epoch);
    const auto run = std::min<std::uint64_t>(count - offset, static_cast<std::uint64_t>(out.end() - to));
    to = std::copy_n(order.begin() + static_cast<std::ptrdiff_t>(offset), run, to);
  }
}

void BatchSampler::estimation_rows(std::uint64_t draw, std::vector<std::int64_t>& out) const {
  Sequence random({.seed = seed_, .purpose = Purpose::estimate, .agent = agent_, .step = draw}, std::uint64_t{1} << 47);
  out.resize(static_cast<std::size_t>(batch_));
  if (mode_ == SamplingMode::iid) {
    for (auto& row : out) row = rows_[random.below(rows_.size())];
    return;
  }
  std::vector<std::uint32_t> order;
  for (std::size_t i = 0; i < out.size(); ++i) {  // Fisher–Yates, as far as it is needed; then afresh
    const std::size_t at = i % rows_.size();
    if (at == 0) order = rows_;
    std::swap(order[at], order[at + random.below(rows_.size() - at)]);
    out[i] = order[at];
  }
}

double BatchSampler::epochs(std::uint64_t steps) const {
  return static_cast<double>(steps) * static_cast<double>(batch_) / static_cast<double>(rows_.size());
}

const std::vector<std::uint32_t>& BatchSampler::epoch_order(std::uint64_t epoch) {
  if (order_.empty() || epoch_ != epoch) {
    Sequence random({.seed = seed_, .purpose = Purpose::shuffle, .agent = agent_, .step = epoch});
    order_ = rows_;
    epoch_ = epoch;
    shuffle(std::span(order_), random);
  }
  return order_;
}

}  // namespace tersegrad
