#include "support/in_process.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>
#include <tuple>
#include <variant>

#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/core/random/random.hpp"

namespace tersegrad::testing {
namespace {

using Bytes = std::vector<std::byte>;
using Clock = std::chrono::steady_clock;

// Of a deadlock: every rank looks in vain so often, for so long.
constexpr int looks_in_vain = 1000;
constexpr double seconds_in_vain = 1;

/// The job has ended, by another rank's fault or a deadlock.
class JobEnded final : public CommunicationError {
 public:
  using CommunicationError::CommunicationError;
};

/// `rank` is the sender's number in the communicator, whose number is `context`.
struct Envelope {
  int context, rank, tag;
  bool operator==(const Envelope&) const = default;
};

struct Letter {
  Envelope envelope;
  Bytes bytes;
  bool damaged = false;   // by options.wire
  bool received = false;
};

/// One collective call.
struct Round {
  std::string call;
  std::vector<Bytes> pieces;  ///< by rank
  std::vector<bool> here;
  int arrived = 0, left = 0;
};

/// What a rank looks for in vain.
struct Wait {
  enum class For { message, receiver, round } what;
  int peer, tag;
  std::string call = {};
  bool operator==(const Wait&) const = default;
};

/// What the ranks share. All but `options` under the mutex.
class World {
 public:
  explicit World(const InProcessOptions& given)
      : options(given), inboxes(static_cast<std::size_t>(given.ranks)), ranks_(static_cast<std::size_t>(given.ranks)) {}

  const InProcessOptions options;
  std::mutex mutex;
  std::vector<std::deque<std::shared_ptr<Letter>>> inboxes;           // by rank of the world, in order of arrival
  std::map<std::pair<int, std::uint64_t>, Round> rounds;              // by communicator and number of the call
  std::map<std::tuple<int, std::uint64_t, int>, int> contexts;        // of split(): communicator, call, colour

  /// Something that others may wait for has happened.
  void changed() {
    ++changes_;
    last_change_ = Clock::now();
  }
  void fail(const std::string& text) {
    if (failure_.empty()) failure_ = text;
    changed();
  }
  void end(int rank) {
    ranks_[static_cast<std::size_t>(rank)].ended = true;
    changed();
  }
  void check() const {
    if (!failure_.empty()) throw JobEnded(failure_);
  }
  /// Of a rank, after a look. \param waits what it found missing, if anything
  void looked(int rank, const Wait* waits) {
    Looks& mine = ranks_[static_cast<std::size_t>(rank)];
    if (mine.seen != changes_) mine = {.seen = changes_, .count = 0, .waits = {}, .ended = false};
    ++mine.count;
    if (waits != nullptr && std::find(mine.waits.begin(), mine.waits.end(), *waits) == mine.waits.end()) {
      mine.waits.push_back(*waits);
    }
    if (mine.count < looks_in_vain) return;
    const double quiet_s = std::chrono::duration<double>(Clock::now() - last_change_).count();
    // A rank alone may look without end between its own work.
    const bool deadlock = quiet_s > seconds_in_vain && ranks_.size() > 1 &&
                          std::all_of(ranks_.begin(), ranks_.end(), [this](const Looks& looks) {
                            return looks.ended || (looks.seen == changes_ && looks.count >= looks_in_vain);
                          });
    if (deadlock) fail("deadlock: " + who_waits());
    if (quiet_s > options.patience_s) fail(concat("nothing has moved for ", options.patience_s, " s: ", who_waits()));
    check();
  }

 private:
  struct Looks {
    std::uint64_t seen = 0;  // changes at the time
    int count = 0;           // since then
    std::vector<Wait> waits;
    bool ended = false;
  };

  std::string who_waits() const {
    std::string text;
    for (std::size_t r = 0; r < ranks_.size(); ++r) {
      const Looks& rank = ranks_[r];
      text += concat(r == 0 ? "" : "; ", "rank ", r);
      if (rank.ended) text += " has ended";
      if (!rank.ended && (rank.seen != changes_ || rank.waits.empty())) text += " is at work";
      for (std::size_t i = 0; i < rank.waits.size() && !rank.ended && rank.seen == changes_; ++i) {
        const Wait& wait = rank.waits[i];
        text += i == 0 ? " waits for " : ", ";
        if (wait.what == Wait::For::round) {
          text += concat("all to call ", wait.call);
        } else if (wait.what == Wait::For::message) {
          text += concat("a message from ", wait.peer == any_source ? "any rank" : concat("rank ", wait.peer), " with tag ", wait.tag);
        } else {
          text += concat("rank ", wait.peer, " to receive tag ", wait.tag);
        }
      }
    }
    return text;
  }

  std::string failure_;
  std::uint64_t changes_ = 0;
  Clock::time_point last_change_ = Clock::now();
  std::vector<Looks> ranks_;
};

/// One rank's end of a communicator. `members` are its ranks' numbers in the world.
class InProcessCommunicator final : public Communicator {
 public:
  InProcessCommunicator(World& world, int context, std::vector<int> members, int rank)
      : Communicator(rank, static_cast<int>(members.size())), world_(world), context_(context),
        members_(std::move(members)), self_(members_[static_cast<std::size_t>(rank)]),
        random_({.seed = world.options.schedule, .agent = static_cast<std::uint32_t>(self_)}) {}

  void barrier() const override { complete("barrier", {}, everyone, [](const Round&) {}); }

  void broadcast(std::span<std::byte> bytes, int root) const override {
    const auto mine = rank() == root ? Bytes(bytes.begin(), bytes.end()) : Bytes();
    complete(concat("broadcast of ", bytes.size(), " bytes by rank ", root), mine, root, [bytes, root](const Round& round) {
      std::ranges::copy(round.pieces[static_cast<std::size_t>(root)], bytes.begin());
    });
  }

  void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) const override {
    TERSEGRAD_ASSERT(all.size() == mine.size() * members_.size(), "an all-gather into ", all.size(), " bytes");
    complete(concat("all_gather of ", mine.size(), " bytes"), Bytes(mine.begin(), mine.end()), everyone,
             [all](const Round& round) {
               auto place = all.begin();
               for (const Bytes& piece : round.pieces) place = std::ranges::copy(piece, place).out;
             });
  }

  Gathered all_gather_pieces(std::span<const std::byte> mine) const override {
    Gathered gathered;
    complete("all_gather_pieces", Bytes(mine.begin(), mine.end()), everyone, [&gathered](const Round& round) {
      gathered.begins = {0};
      for (const Bytes& piece : round.pieces) {
        gathered.bytes.insert(gathered.bytes.end(), piece.begin(), piece.end());
        gathered.begins.push_back(gathered.bytes.size());
      }
    });
    return gathered;
  }

  using Communicator::sum;
  void sum(std::span<double> values) const override { wait_for(reduce("sum of doubles", values, std::plus<>())); }
  void max(std::span<std::int64_t> values) const override {
    wait_for(reduce("max", values, [](std::int64_t a, std::int64_t b) { return std::max(a, b); }));
  }
  void all_reduce_sum(std::span<float> values) const override { wait_for(reduce("all_reduce_sum", values, std::plus<>())); }
  Request start_sum(std::span<std::int64_t> values) const override { return reduce("sum of integers", values, std::plus<>()); }

  std::vector<int> node_leaders() const override {
    barrier();
    const int per_node = world_.options.ranks_per_node;
    std::vector<int> leaders;
    for (int r = 0; r < size(); ++r) {
      const auto shares = [&](int member) { return per_node == 0 || member / per_node == members_[static_cast<std::size_t>(r)] / per_node; };
      leaders.push_back(static_cast<int>(std::ranges::find_if(members_, shares) - members_.begin()));
    }
    return leaders;
  }

  std::unique_ptr<Communicator> split(int colour) const override {
    const std::uint64_t call = calls_;
    std::vector<int> colours(members_.size());
    all_gather(bytes_of(std::span<const int>(&colour, 1)), bytes_of(std::span(colours)));
    if (colour < 0) return nullptr;
    std::vector<int> part;
    int place = 0;
    for (std::size_t r = 0; r < members_.size(); ++r) {
      if (colours[r] != colour) continue;
      if (static_cast<int>(r) == rank()) place = static_cast<int>(part.size());
      part.push_back(members_[r]);
    }
    const std::lock_guard lock(world_.mutex);
    const int next = 1 + static_cast<int>(world_.contexts.size());
    const int context = world_.contexts.try_emplace({context_, call, colour}, next).first->second;
    return std::make_unique<InProcessCommunicator>(world_, context, part, place);
  }

  std::optional<Arrival> probe(int from, int tag) const override {
    give_way();
    const std::lock_guard lock(world_.mutex);
    world_.check();
    match();
    const auto letter = find(from, tag);
    const Wait wait{Wait::For::message, from, tag};
    world_.looked(self_, letter == inbox().end() ? &wait : nullptr);
    if (letter == inbox().end()) return std::nullopt;
    return Arrival{(*letter)->envelope.rank, (*letter)->bytes.size()};
  }

  std::int64_t largest_tag() const override { return 32767; }

  bool ready(Request& request) const override {
    if (request.handle() == 0) return true;
    give_way();
    const std::lock_guard lock(world_.mutex);
    world_.check();
    match();
    const auto found = under_way_.find(request.handle());
    TERSEGRAD_ASSERT(found != under_way_.end(), "a request of another communicator, or of none");
    const std::optional<Wait> wait = std::visit([this](auto& operation) { return finish(operation); }, found->second);
    world_.looked(self_, wait ? &*wait : nullptr);
    if (wait) return false;
    under_way_.erase(found);
    request = Request();
    return true;
  }

  void abort(const std::string& what) const override {
    const std::lock_guard lock(world_.mutex);
    world_.fail(concat("rank ", self_, ": ", what));
  }

 private:
  static constexpr int everyone = -1;
  struct SendUnderWay {
    std::shared_ptr<Letter> letter;
    std::span<const std::byte> memory;
    int to;
  };
  struct ReceiveUnderWay {
    int from, tag;
    std::span<std::byte> place;
    std::shared_ptr<Letter> letter;
  };
  struct RoundUnderWay {
    std::uint64_t number;
    int root;
    std::function<void(const Round&)> use;
  };
  using Operation = std::variant<SendUnderWay, ReceiveUnderWay, RoundUnderWay>;

  Request post_send(std::span<const std::byte> bytes, int to, int tag) const override {
    give_way();
    auto letter = std::make_shared<Letter>(Letter{{context_, rank(), tag}, Bytes(bytes.begin(), bytes.end())});
    const int receiver = members_.at(static_cast<std::size_t>(to));
    if (world_.options.wire) world_.options.wire(self_, receiver, tag, letter->bytes);
    letter->damaged = !std::ranges::equal(bytes, letter->bytes);
    const std::lock_guard lock(world_.mutex);
    world_.check();
    world_.inboxes[static_cast<std::size_t>(receiver)].push_back(letter);
    world_.changed();
    return world_.options.sends == Sends::eager ? Request() : start(SendUnderWay{letter, bytes, to});
  }

  Request post_receive(std::span<std::byte> bytes, int from, int tag) const override {
    give_way();
    const std::lock_guard lock(world_.mutex);
    world_.check();
    Request request = start(ReceiveUnderWay{from, tag, bytes, nullptr});
    unmatched_.push_back(request.handle());
    match();
    return request;
  }

  Request start(Operation operation) const {
    under_way_.emplace(++last_request_, std::move(operation));
    return Request(last_request_);
  }

  void wait_for(Request request) const { wait(request); }

  /// A collective call. \param root whose piece is enough; everyone: each is needed \param use called once they are there
  Request start_round(const std::string& call, Bytes mine, int root, std::function<void(const Round&)> use) const {
    give_way();
    const std::lock_guard lock(world_.mutex);
    world_.check();
    const std::uint64_t number = calls_++;
    Round& round = world_.rounds[{context_, number}];
    if (round.arrived == 0) {
      round.call = call;
      round.pieces.resize(members_.size());
      round.here.resize(members_.size());
    }
    if (round.call != call) {
      world_.fail(concat("rank ", self_, " calls ", call, " where another rank calls ", round.call));
      world_.check();
    }
    round.pieces[static_cast<std::size_t>(rank())] = std::move(mine);
    round.here[static_cast<std::size_t>(rank())] = true;
    ++round.arrived;
    world_.changed();
    return start(RoundUnderWay{number, root, std::move(use)});
  }

  void complete(const std::string& call, Bytes mine, int root, std::function<void(const Round&)> use) const {
    wait_for(start_round(call, std::move(mine), root, std::move(use)));
  }

  template <class T, class Join>
  Request reduce(const char* call, std::span<T> values, Join join) const {
    const auto bytes = bytes_of(values);
    return start_round(concat(call, ", ", values.size(), " values"), Bytes(bytes.begin(), bytes.end()), everyone,
                       [values, join](const Round& round) {
                         for (std::size_t i = 0; i < values.size(); ++i) {
                           const auto value = [i](const Bytes& piece) {
                             T one;
                             std::memcpy(&one, piece.data() + i * sizeof(T), sizeof(T));
                             return one;
                           };
                           T total = value(round.pieces.front());
                           for (std::size_t r = 1; r < round.pieces.size(); ++r) total = join(total, value(round.pieces[r]));
                           values[i] = total;
                         }
                       });
  }

  // Under the mutex.

  std::deque<std::shared_ptr<Letter>>& inbox() const { return world_.inboxes[static_cast<std::size_t>(self_)]; }

  std::deque<std::shared_ptr<Letter>>::iterator find(int from, int tag) const {
    return std::ranges::find_if(inbox(), [&](const auto& letter) {
      return letter->envelope == Envelope{context_, from == any_source ? letter->envelope.rank : from, tag};
    });
  }

  /// Gives the receives that were posted the messages that have come, both in their order.
  void match() const {
    std::erase_if(unmatched_, [this](std::uint64_t handle) {
      auto& receive = std::get<ReceiveUnderWay>(under_way_.at(handle));
      const auto letter = find(receive.from, receive.tag);
      if (letter == inbox().end()) return false;
      receive.letter = *letter;
      receive.letter->received = true;
      inbox().erase(letter);
      world_.changed();
      return true;
    });
  }

  /// \return what is missing; nothing: it is complete
  std::optional<Wait> finish(SendUnderWay& send) const {
    if (!send.letter->received) return Wait{Wait::For::receiver, send.to, send.letter->envelope.tag};
    TERSEGRAD_ASSERT(send.letter->damaged || std::ranges::equal(send.memory, send.letter->bytes), "rank ", self_,
                     " has changed a message to rank ", send.to, " with tag ", send.letter->envelope.tag, " before it was sent");
    return std::nullopt;
  }

  std::optional<Wait> finish(ReceiveUnderWay& receive) const {
    if (receive.letter == nullptr) return Wait{Wait::For::message, receive.from, receive.tag};
    const Bytes& bytes = receive.letter->bytes;
    if (bytes.size() > receive.place.size()) {
      throw CommunicationError(concat("rank ", self_, " receives ", bytes.size(), " bytes from rank ", receive.from,
                                      " with tag ", receive.tag, " in a place of ", receive.place.size()));
    }
    std::ranges::copy(bytes, receive.place.begin());
    return std::nullopt;
  }

  std::optional<Wait> finish(RoundUnderWay& operation) const {
    const auto found = world_.rounds.find({context_, operation.number});
    Round& round = found->second;
    const bool there = operation.root == everyone ? round.arrived == size() : round.here[static_cast<std::size_t>(operation.root)];
    if (!there) return Wait{Wait::For::round, 0, 0, round.call};
    operation.use(round);
    if (++round.left == size()) world_.rounds.erase(found);
    return std::nullopt;
  }

  /// Now and then, if the schedule says so.
  void give_way() const {
    if (world_.options.schedule == 0) return;
    const auto dice = random_.below(256);
    if (dice == 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(random_.below(200)));
    } else if (dice < 32) {
      std::this_thread::yield();
    }
  }

  World& world_;
  int context_;
  std::vector<int> members_;
  int self_;  // in the world
  mutable Sequence random_;
  mutable std::uint64_t calls_ = 0, last_request_ = 0;
  mutable std::map<std::uint64_t, Operation> under_way_;
  mutable std::deque<std::uint64_t> unmatched_;  // receives, in the order in which they were posted
};

/// A rank's thread. \return the text of what it threw
std::string run_rank(World& world, int rank, const std::function<void(const Communicator&)>& body) {
  std::vector<int> members(static_cast<std::size_t>(world.options.ranks));
  std::iota(members.begin(), members.end(), 0);
  const InProcessCommunicator comm(world, 0, members, rank);
  std::string text;
  try {
    body(comm);
  } catch (const CollectiveError& error) {
    text = error.what();
  } catch (const JobEnded& error) {
    text = error.what();
  } catch (const std::exception& error) {
    text = one_line(error);
    comm.abort(text);
  }
  const std::lock_guard lock(world.mutex);
  world.end(rank);
  return text;
}

}  // namespace

bool InProcessEnd::all_returned() const {
  return std::ranges::all_of(errors, [](const std::string& error) { return error.empty(); });
}

InProcessEnd run_in_process(const InProcessOptions& options, const std::function<void(const Communicator&)>& body) {
  World world(options);
  InProcessEnd end;
  end.errors.resize(static_cast<std::size_t>(options.ranks));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < options.ranks; ++rank) {
    threads.emplace_back([&, rank] { end.errors[static_cast<std::size_t>(rank)] = run_rank(world, rank, body); });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& inbox : world.inboxes) end.unreceived += inbox.size();
  return end;
}

}  // namespace tersegrad::testing
