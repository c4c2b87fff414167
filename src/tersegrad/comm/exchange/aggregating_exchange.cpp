#include "tersegrad/comm/exchange/aggregating_exchange.hpp"

#include <optional>

#include "tersegrad/comm/exchange/downlink.hpp"
#include "tersegrad/comm/exchange/message_block.hpp"

namespace tersegrad {

class AggregatingExchange::AggregatingFlow final : public Flow {
 public:
  AggregatingFlow(AggregatingExchange& exchange, const BucketJob& job)
      : x_(exchange), job_(job), rank_(x_.comm().rank()), root_(x_.root(job.bucket)),
        aggregates_here_(root_ == everyone || root_ == rank_),
        outgoing_(x_.comm(), batch_id(), headers_of(job.local), job.local) {
    if (!job.local.empty()) send();
    if (root_ != everyone) {
      down_.emplace(x_.comm(), binomial_place(rank_, x_.comm().size(), root_),
                    expected_aggregate(x_.step(), job.bucket, x_.map_), *job.aggregate, x_.verifies());
    }
  }

  bool progress() override {
    bool moved = false;
    if (aggregates_here_ && !aggregated_) moved |= receive();
    if (down_) moved |= down_->progress();
    if (!sent_ && (sent_ = outgoing_.done())) moved = true;
    return moved;
  }

  bool done() const override { return sent_ && (aggregated_ || !aggregates_here_) && (!down_ || down_->done()); }

 private:
  MessageBlockId batch_id() const {
    return {x_.step().step, job_.bucket.index, Channel::uplink_headers, Channel::uplink_payloads, x_.verifies()};
  }

  void send() {
    const int size = x_.comm().size();
    // Each rank begins with its neighbour, so that they do not all press on the same one.
    for (int i = 1; i < size; ++i) {
      const int to = (rank_ + i) % size;
      if (root_ == everyone || root_ == to) outgoing_.send_to(to);
    }
  }

  bool receive() {
    bool moved = false;
    if (slot_ == nullptr) {
      const bool alone = x_.map_.count(rank_) == x_.map_.agents();
      if (!alone && !has_begun(x_.comm(), batch_id())) return false;
      slot_ = x_.slots_.take();
      if (slot_ == nullptr) return false;
      open();
      moved = true;
    }
    bool complete = true;
    const auto check = [this](std::span<const Header> headers, int from) {
      check_uplinks(headers, from, x_.step(), job_.bucket, x_.map_);
    };
    for (auto& batch : incoming_) {
      moved |= batch.progress(check, (*slot_)[static_cast<std::size_t>(batch.from() - x_.map_.first_rank())]);
      complete &= batch.done();
    }
    if (complete) form_aggregate();
    return moved || complete;
  }

  void open() {
    check_own(job_.local, rank_, x_.step(), job_.bucket, x_.map_);
    for (int from = x_.map_.first_rank(); from < x_.comm().size(); ++from) {
      if (from != rank_) incoming_.emplace_back(x_.comm(), batch_id(), from, x_.map_.count(from), x_.map_.count(from));
    }
  }

  void form_aggregate() {
    std::vector<MessageView> uplinks;  // in agent order, which is rank order
    const auto add_own = [&] {
      for (const auto& message : job_.local) uplinks.push_back(view(message));
    };
    for (const auto& batch : incoming_) {
      if (batch.from() > rank_ && uplinks.size() == x_.map_.begin(rank_)) add_own();
      for (std::size_t i = 0; i < batch.headers().size(); ++i) uplinks.push_back(batch.message(i));
      for (const auto& header : batch.headers()) {
        x_.tally(job_.bucket).uplink.add(static_cast<std::int64_t>(header.payload_bytes), sizeof(Header));
      }
    }
    if (uplinks.size() < x_.map_.agents()) add_own();
    Message& aggregate = *job_.aggregate;
    x_.step().aggregator->aggregate(job_.bucket, uplinks, aggregate);
    std::vector<Header> headers;
    for (const auto& uplink : uplinks) headers.push_back(uplink.header);
    complete_aggregate_header(headers, x_.step(), job_.bucket, aggregate);
    incoming_.clear();
    x_.slots_.give_back(slot_);
    aggregated_ = true;
    if (!down_) return;
    // With a server every agent receives the aggregate, without one every other rank.
    const std::int64_t copies = x_.has_server() ? std::int64_t{x_.map_.agents()} : x_.comm().size() - 1;
    x_.tally(job_.bucket).downlink.add(copies * static_cast<std::int64_t>(aggregate.header.payload_bytes),
                            copies * static_cast<std::int64_t>(sizeof(Header)));
    down_->release();
  }

  AggregatingExchange& x_;
  BucketJob job_;
  int rank_;
  int root_;
  bool aggregates_here_;
  bool aggregated_ = false;
  bool sent_ = false;
  ReceiveSlots::Slot* slot_ = nullptr;
  OutgoingMessageBlock outgoing_;
  std::vector<IncomingMessageBlock> incoming_;  // one of every other host, in rank order
  std::optional<Downlink> down_;
};

std::unique_ptr<Flow> AggregatingExchange::make_flow(const BucketJob& job) {
  return std::make_unique<AggregatingFlow>(*this, job);
}

}  // namespace tersegrad
