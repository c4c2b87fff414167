// Agents of one node are added up before they leave it: one partial sum travels for them all. Integer sums only.
#include <optional>
#include <vector>

#include "tersegrad/comm/exchange/downlink.hpp"
#include "tersegrad/comm/exchange/exchange.hpp"
#include "tersegrad/comm/exchange/message_block.hpp"
#include "tersegrad/comm/exchange/receive_slots.hpp"
#include "tersegrad/comm/mpi/nodes.hpp"
#include "tersegrad/compress/capabilities/partial_sums.hpp"

namespace tersegrad {
namespace {

/// Two hops up: from a node's ranks to the first of them, which adds their messages up, and from there to the rank
/// that serves the bucket, which joins the nodes' partial sums. The nodes' first ranks serve in turn.
class HierarchicalExchange final : public Exchange {
 public:
  /// \param ranks_per_node 0: what MPI says
  HierarchicalExchange(const ExchangeSetup& setup, int ranks_per_node)
      : Exchange(setup), map_(setup.agents, 0, setup.comm->size()), ranks_per_node_(ranks_per_node),
        rank_slots_(static_cast<std::size_t>(setup.comm->size())),
        node_slots_(static_cast<std::size_t>(setup.comm->size())) {}

  std::string name() const override { return "hierarchical"; }
  const AgentMap& map() const override { return map_; }
  bool has_server() const override { return false; }
  void require(const Compressor& compressor) const override {
    TERSEGRAD_CHECK(compressor.aggregator()->partial_sums() != nullptr,
                    "exchange 'hierarchical' adds up the agents of a node first, and '", compressor.name(),
                    "' has no integer sums (another order of additions would change bits); use --exchange sharded");
  }
  int root(const Bucket& bucket) const override {
    return nodes_ ? nodes_->leader(static_cast<int>(bucket.index % static_cast<std::uint32_t>(nodes_->count()))) : 0;
  }
  std::size_t peak_buffer_bytes() const override { return rank_slots_.peak_bytes() + node_slots_.peak_bytes(); }

 private:
  class HierarchicalFlow;
  void connect() override {
    if (ranks_per_node_ > 0) {
      nodes_.emplace(comm().size(), ranks_per_node_);
    } else {
      nodes_.emplace(comm());
    }
  }
  std::unique_ptr<Flow> make_flow(const BucketJob& job) override;
  bool counted_on_root() const override { return false; }

  /// Agents in rank order of a node's ranks.
  std::size_t agents_of(int node) const {
    std::size_t agents = 0;
    for (const int rank : nodes_->members(node)) agents += map_.count(rank);
    return agents;
  }
  /// Down: from the serving leader to the other leaders by a tree, from each to its node.
  TreePlace place(int rank, int serving_node) const {
    const int node = nodes_->of(rank);
    if (nodes_->leader(node) != rank) return {nodes_->leader(node), {}};
    TreePlace tree = binomial_place(node, nodes_->count(), serving_node);
    if (tree.parent >= 0) tree.parent = nodes_->leader(tree.parent);
    for (int& child : tree.children) child = nodes_->leader(child);
    const auto& members = nodes_->members(node);
    tree.children.insert(tree.children.end(), members.begin() + 1, members.end());
    return tree;
  }

  AgentMap map_;
  int ranks_per_node_;
  std::optional<Nodes> nodes_;
  // Apart, so that a bucket that waits for other nodes never holds up one whose sum another node waits for.
  ReceiveSlots rank_slots_, node_slots_;
};

class HierarchicalExchange::HierarchicalFlow final : public Flow {
 public:
  HierarchicalFlow(HierarchicalExchange& exchange, const BucketJob& job)
      : x_(exchange), job_(job), rank_(x_.comm().rank()), node_(x_.nodes_->of(rank_)),
        serving_(static_cast<int>(job.bucket.index % static_cast<std::uint32_t>(x_.nodes_->count()))),
        leads_(x_.nodes_->leader(node_) == rank_), serves_(leads_ && node_ == serving_),
        down_(x_.comm(), x_.place(rank_, serving_), expected_aggregate(x_.step(), job.bucket, x_.map_),
              *job.aggregate, x_.verifies()) {
    if (leads_) return;
    outgoing_.emplace(x_.comm(), uplink_id(), headers_of(job.local), job.local);
    outgoing_->send_to(x_.nodes_->leader(node_));
  }

  bool progress() override {
    bool moved = false;
    if (leads_ && !grouped_) moved |= receive_node();
    if (serves_ && grouped_ && !aggregated_) moved |= receive_groups();
    moved |= down_.progress();
    if (outgoing_ && outgoing_->done()) {
      outgoing_.reset();
      moved = true;
    }
    return moved;
  }

  bool done() const override { return (grouped_ || !leads_) && (aggregated_ || !serves_) && !outgoing_ && down_.done(); }

 private:
  MessageBlockId uplink_id() const {
    return {x_.step().step, job_.bucket.index, Channel::uplink_headers, Channel::uplink_payloads, x_.verifies()};
  }
  MessageBlockId group_id() const {
    return {x_.step().step, job_.bucket.index, Channel::group_headers, Channel::group_payload, x_.verifies()};
  }

  /// Looks at a stage's batches. \return whether all have come
  bool receive(std::vector<IncomingMessageBlock>& batches, const IncomingMessageBlock::Check& check, bool& moved) {
    bool complete = true;
    for (auto& batch : batches) {
      moved |= batch.progress(check, (*slot_)[static_cast<std::size_t>(batch.from())]);
      complete &= batch.done();
    }
    return complete;
  }

  /// A node's leader: its ranks' messages, and their sum on its way.
  bool receive_node() {
    bool moved = false;
    const auto& members = x_.nodes_->members(node_);
    if (slot_ == nullptr) {
      if (members.size() > 1 && !has_begun(x_.comm(), uplink_id())) return false;
      slot_ = x_.rank_slots_.take();
      if (slot_ == nullptr) return false;
      check_own(job_.local, rank_, x_.step(), job_.bucket, x_.map_);
      for (const int from : members) {
        const auto agents = x_.map_.count(from);
        if (from != rank_) from_ranks_.emplace_back(x_.comm(), uplink_id(), from, agents, agents);
      }
      moved = true;
    }
    const auto check = [this](std::span<const Header> headers, int from) {
      check_uplinks(headers, from, x_.step(), job_.bucket, x_.map_);
    };
    if (!receive(from_ranks_, check, moved)) return moved;
    add_up();
    return true;
  }

  void add_up() {
    std::vector<MessageView> uplinks;  // the leader is its node's lowest rank: agent order
    for (const auto& message : job_.local) uplinks.push_back(view(message));
    for (const auto& batch : from_ranks_) {
      for (std::size_t i = 0; i < batch.headers().size(); ++i) {
        uplinks.push_back(batch.message(i));
        count_up(batch.headers()[i].payload_bytes, 1, true);
      }
    }
    x_.step().aggregator->partial_sums()->aggregate_partial(job_.bucket, uplinks, partial_);
    Header& header = partial_.header;
    identify(header, {MessageKind::partial, x_.step().step, job_.bucket, static_cast<std::uint32_t>(uplinks.size()),
                      compressor_id(x_.step().compressor->name())});
    headers_ = {header};
    for (const auto& uplink : uplinks) headers_.push_back(uplink.header);
    from_ranks_.clear();
    x_.rank_slots_.give_back(slot_);
    slot_ = nullptr;
    grouped_ = true;
    if (serves_) return;
    // The agents' headers go along: the aggregate's header is made from all of them.
    outgoing_.emplace(x_.comm(), group_id(), headers_, std::span<const Message>(&partial_, 1));
    outgoing_->send_to(x_.nodes_->leader(serving_));
  }

  /// The serving leader: the other nodes' sums.
  bool receive_groups() {
    bool moved = false;
    if (slot_ == nullptr) {
      if (x_.nodes_->count() > 1 && !has_begun(x_.comm(), group_id())) return false;
      slot_ = x_.node_slots_.take();
      if (slot_ == nullptr) return false;
      for (int node = 0; node < x_.nodes_->count(); ++node) {
        const int from = x_.nodes_->leader(node);
        if (node != node_) from_nodes_.emplace_back(x_.comm(), group_id(), from, 1 + x_.agents_of(node), 1);
      }
      moved = true;
    }
    const auto check = [this](std::span<const Header> headers, int from) { check_group(headers, from); };
    if (!receive(from_nodes_, check, moved)) return moved;
    join();
    return true;
  }

  void check_group(std::span<const Header> headers, int from) const {
    const int node = x_.nodes_->of(from);
    Expected expected = expected_aggregate(x_.step(), job_.bucket, x_.map_);
    expected.kind = MessageKind::partial;
    expected.agent = static_cast<std::uint32_t>(x_.agents_of(node));
    tersegrad::check(headers.front(), expected, concat("rank ", from));
    auto rest = headers.subspan(1);
    for (const int rank : x_.nodes_->members(node)) {
      check_uplinks(rest.first(x_.map_.count(rank)), rank, x_.step(), job_.bucket, x_.map_);
      rest = rest.subspan(x_.map_.count(rank));
    }
  }

  void join() {
    std::vector<Header> headers(x_.map_.agents());
    const auto place = [&](std::span<const Header> group) {
      for (const auto& header : group.subspan(1)) headers[header.agent] = header;  // checked: every agent once
    };
    std::vector<MessageView> partials{view(partial_)};
    place(headers_);
    for (const auto& batch : from_nodes_) {
      partials.push_back(batch.message(0));
      place(batch.headers());
      count_up(batch.headers().front().payload_bytes, batch.headers().size(), false);
    }
    Message& aggregate = *job_.aggregate;
    x_.step().aggregator->partial_sums()->join_partials(job_.bucket, partials, aggregate);
    complete_aggregate_header(headers, x_.step(), job_.bucket, aggregate);
    from_nodes_.clear();
    x_.node_slots_.give_back(slot_);
    aggregated_ = true;
    count_down(static_cast<std::int64_t>(aggregate.header.payload_bytes));
    down_.release();
  }

  void count_up(std::uint64_t payload, std::size_t headers, bool within_node) {
    const auto header_bytes = static_cast<std::int64_t>(headers * sizeof(Header));
    x_.tally(job_.bucket).uplink.add(static_cast<std::int64_t>(payload), header_bytes);
    if (within_node) x_.tally(job_.bucket).within_nodes += static_cast<std::int64_t>(payload) + header_bytes;
  }

  /// Every rank but this one receives the aggregate; all but the nodes' leaders from their own node.
  void count_down(std::int64_t payload) {
    const std::int64_t copies = x_.comm().size() - 1, between_nodes = x_.nodes_->count() - 1;
    constexpr auto header_bytes = static_cast<std::int64_t>(sizeof(Header));
    x_.tally(job_.bucket).downlink.add(copies * payload, copies * header_bytes);
    x_.tally(job_.bucket).within_nodes += (copies - between_nodes) * (payload + header_bytes);
  }

  HierarchicalExchange& x_;
  BucketJob job_;
  int rank_;
  int node_;
  int serving_;  // node
  bool leads_;
  bool serves_;
  bool grouped_ = false;  // a leader: its node's sum is made
  bool aggregated_ = false;   // the serving one: the aggregate is
  ReceiveSlots::Slot* slot_ = nullptr;
  std::vector<IncomingMessageBlock> from_ranks_, from_nodes_;
  Message partial_;
  std::vector<Header> headers_;  // of the partial sum and its agents
  std::optional<OutgoingMessageBlock> outgoing_;
  Downlink down_;
};

std::unique_ptr<Flow> HierarchicalExchange::make_flow(const BucketJob& job) { return std::make_unique<HierarchicalFlow>(*this, job); }

const Registration<Exchange, const ExchangeSetup&> registration{
    "hierarchical",
    "agents of one node added up before they leave it, then as sharded over nodes; integer sums (sign, majority) only",
    {{"ranks-per-node", "0", "ranks that count as one node; 0: those that share a machine"}},
    [](const Arguments& arguments, const ExchangeSetup& setup) {
      return std::make_unique<HierarchicalExchange>(setup, static_cast<int>(arguments.integer("ranks-per-node", 0, 1 << 20)));
    }};
const Alias<Exchange, const ExchangeSetup&> alias{"local", "hierarchical"};  // its name in version 0.1

}  // namespace
}  // namespace tersegrad
