#include "tersegrad/train/checkpoint/snapshot.hpp"

#include <cstring>
#include <sstream>

#include "tersegrad/comm/mpi/channel.hpp"
#include "tersegrad/comm/mpi/checksummed_transfer.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/hash.hpp"
#include "tersegrad/core/progress.hpp"
#include "tersegrad/train/checkpoint/recorded_plugins.hpp"
#include "tersegrad/train/checkpoint/resumption.hpp"

namespace tersegrad {
namespace {

/// One vector of every agent, all of one length.
struct AgentMemory {
  std::string section;
  std::uint64_t values = 0;  // of one agent
};

/// Of one agent, the vector that a section holds; on the rank that hosts it.
std::span<float> memory_of(RunParts& parts, std::uint32_t agent, std::size_t number) {
  auto states = parts.agents->state(agent);
  if (number < states.size()) return states[number].values;
  return parts.objective->agent_statistics()->statistics(agent);
}

/// What agents remember here, known on every rank: also on a server, which has no agents to ask.
std::vector<AgentMemory> agent_memories(const Communicator& comm, RunParts& parts) {
  std::ostringstream mine;
  const std::uint32_t first = parts.map().begin(comm.rank());
  if (parts.map().is_host(comm.rank())) {
    for (const auto& state : parts.agents->state(first))
      mine << "encoder/" << state.name << ' ' << state.values.size() << '\n';
    const AgentStatistics* statistics = parts.objective->agent_statistics();
    if (statistics != nullptr) mine << "statistics " << statistics->statistics_size() << '\n';
  }
  const std::string text = mine.str();
  const auto all = comm.all_gather_pieces(std::as_bytes(std::span(text)));
  const auto from_host = all.from(parts.map().first_rank());
  std::istringstream lines(std::string(reinterpret_cast<const char*>(from_host.data()), from_host.size()));
  std::vector<AgentMemory> memories;
  for (AgentMemory memory; lines >> memory.section >> memory.values;) memories.push_back(memory);
  return memories;
}

/// Memory that every rank has alike.
std::vector<std::pair<std::string, std::span<float>>> shared_memories(RunParts& parts) {
  std::vector<std::pair<std::string, std::span<float>>> memories{{"parameters", parts.objective->parameters()}};
  if (!parts.optimizer->memory().empty()) memories.emplace_back("velocity", parts.optimizer->memory());
  for (const auto& state : state_of(*parts.aggregator)) memories.emplace_back("aggregator/" + state.name, state.values);
  return memories;
}

/// What the ranks that aggregate remember, of the step's buckets in their order: one float a coordinate of what is sent.
class RootVector {
 public:
  explicit RootVector(RunParts& parts) : parts_(parts), memory_(parts.aggregator->root_memory()) {
    for (const Bucket& bucket : parts.plan->all()) size_ += static_cast<std::size_t>(bucket.size());
  }
  bool exists() const { return memory_ != nullptr; }
  std::string section() const { return "root/" + memory_->name(); }
  std::size_t bytes() const { return size_ * sizeof(float); }

  /// Collective. \param all [bytes()] on rank 0, else empty
  void gather(const Communicator& comm, std::int64_t step, std::span<std::byte> all) { travel(comm, step, all, true); }
  void scatter(const Communicator& comm, std::int64_t step, std::span<std::byte> all) { travel(comm, step, all, false); }

 private:
  void travel(const Communicator& comm, std::int64_t step, std::span<std::byte> all, bool to_rank_0) {
    std::size_t begin = 0;
    for (const Bucket& bucket : parts_.plan->all()) {
      tell_progress();
      const int root = parts_.exchange->root(bucket);
      const auto size = static_cast<std::size_t>(bucket.size()) * sizeof(float);
      const auto stored = all.empty() ? all : all.subspan(begin, size);
      begin += size;
      const MemoryId id{static_cast<std::uint64_t>(step), bucket.index, root_number};
      const bool here = root == comm.rank() || (root == Exchange::everyone && (comm.rank() == 0 || !to_rank_0));
      if (to_rank_0) {
        if (here) {
          const auto values = comm.rank() == 0 ? stored : scratch(size);
          copy(bucket, values, true);
          if (comm.rank() != 0) send_checksummed(comm, id, values, 0, snapshot_tag);
        } else if (comm.rank() == 0) {
          receive_checksummed(comm, id, stored, root, snapshot_tag);
        }
      } else if (root == Exchange::everyone) {
        const auto values = comm.rank() == 0 ? stored : scratch(size);
        comm.broadcast(values, 0);
        copy(bucket, values, false);
      } else if (comm.rank() == 0) {
        if (here) copy(bucket, stored, false);
        if (!here) send_checksummed(comm, id, stored, root, snapshot_tag);
      } else if (here) {
        const auto values = scratch(size);
        receive_checksummed(comm, id, values, 0, snapshot_tag);
        copy(bucket, values, false);
      }
    }
  }
  std::span<std::byte> scratch(std::size_t size) {
    scratch_.assign(size, std::byte{0});
    return scratch_;
  }
  /// A bucket that nobody remembers anything of (a part of a policy) has none.
  void copy(const Bucket& bucket, std::span<std::byte> values, bool out) {
    std::size_t at = 0;
    for (const auto piece : memory_->state_of(bucket)) {
      if (out) std::memcpy(values.data() + at, piece.data(), piece.size_bytes());
      if (!out) std::memcpy(piece.data(), values.data() + at, piece.size_bytes());
      at += piece.size_bytes();
    }
  }

  static constexpr std::uint32_t root_number = 0xffffffff;  // no section of the agents'
  RunParts& parts_;
  RootMemory* memory_;
  std::size_t size_ = 0;
  Buffer<std::byte> scratch_;
};

/// Of the vector that section `number` of the agents' has.
MemoryId memory_id(std::int64_t step, std::uint32_t agent, std::size_t number) {
  return {static_cast<std::uint64_t>(step), agent, static_cast<std::uint32_t>(number)};
}

Buffer<std::byte> copy_of(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

void require_fitting(const CheckpointView& checkpoint, RunParts& parts, const std::vector<AgentMemory>& agents) {
  require_resumable(checkpoint, parts.config);
  for (const auto& [name, values] : shared_memories(parts)) sized_section(checkpoint, name, values.size_bytes());
  for (const auto& memory : agents) {
    sized_section(checkpoint, memory.section, sizeof(float) * memory.values * parts.map().agents());
  }
  const RootVector root(parts);
  if (root.exists()) sized_section(checkpoint, root.section(), root.bytes());
}

}  // namespace

CheckpointView Snapshot::view() const {
  CheckpointView view;
  view.step = step;
  for (const auto& [name, bytes] : sections) view.sections.push_back({name, bytes});
  return view;
}

Snapshot take_snapshot(const Communicator& comm, RunParts& parts, const RunCounters& counters,
                       std::span<const double> held) {
  const bool root = comm.rank() == 0;
  Snapshot snapshot;
  if (root) {
    snapshot.step = static_cast<std::uint64_t>(counters.steps);
    const std::string lines = parts.config.lines();
    snapshot.sections.emplace_back("configuration", copy_of(std::as_bytes(std::span(lines))));
    const auto words = counters.words();
    snapshot.sections.emplace_back("counters", copy_of(std::as_bytes(std::span(words))));
    snapshot.sections.emplace_back("compute", copy_of(std::as_bytes(std::span(parts.compute_history))));
    if (const std::string used = plugin_lines(); !used.empty()) {
      snapshot.sections.emplace_back(plugins_section, copy_of(std::as_bytes(std::span(used))));
    }
    if (!held.empty()) snapshot.sections.emplace_back(held_record_section, copy_of(std::as_bytes(held)));
    for (const auto& [name, values] : shared_memories(parts))
      tell_progress(), snapshot.sections.emplace_back(name, copy_of(std::as_bytes(values)));
  }
  const auto memories = agent_memories(comm, parts);
  for (std::size_t m = 0; m < memories.size(); ++m) {
    const auto bytes = static_cast<std::size_t>(memories[m].values * sizeof(float));
    Buffer<std::byte> all(root ? bytes * parts.map().agents() : 0);
    for (std::uint32_t agent = 0; agent < parts.map().agents(); ++agent) {
      const int owner = parts.map().owner(agent);
      tell_progress();
      if (owner == comm.rank()) {
        const auto values = std::as_bytes(memory_of(parts, agent, m));
        TERSEGRAD_ASSERT(values.size() == bytes, "agent ", agent, " remembers ", values.size(), " bytes of ",
                        bytes);
        if (root) {
          std::memcpy(all.data() + agent * bytes, values.data(), bytes);
        } else {
          send_checksummed(comm, memory_id(counters.steps, agent, m), values, 0, snapshot_tag);
        }
      } else if (root) {
        receive_checksummed(comm, memory_id(counters.steps, agent, m), std::span(all).subspan(agent * bytes, bytes), owner,
                       snapshot_tag);
      }
    }
    if (root) snapshot.sections.emplace_back(memories[m].section, std::move(all));
  }
  if (RootVector of_root(parts); of_root.exists()) {
    Buffer<std::byte> all(root ? of_root.bytes() : 0, std::byte{0});
    of_root.gather(comm, counters.steps, all);
    if (root) snapshot.sections.emplace_back(of_root.section(), std::move(all));
  }
  return snapshot;
}

RunCounters restore_snapshot(const Communicator& comm, RunParts& parts, const CheckpointView* checkpoint) {
  const bool root = comm.rank() == 0;
  const auto memories = agent_memories(comm, parts);
  RunCounters counters;
  collectively(comm, [&] {
    if (!root) return;
    require_fitting(*checkpoint, parts, memories);
    counters = counters_of(*checkpoint);
  });
  auto words = counters.words();
  std::uint64_t count = words.size();  // rank 0's has a compressor's parts too
  comm.broadcast(bytes_of(std::span(&count, 1)), 0);
  words.resize(count);
  comm.broadcast(std::as_writable_bytes(std::span(words)), 0);
  counters = RunCounters::from_words(words);

  std::string arrived = hex(fingerprint(std::as_bytes(std::span(words))));
  for (const auto& [name, values] : shared_memories(parts)) {
    if (root) std::memcpy(values.data(), checkpoint->section(name).data(), values.size_bytes());
    comm.broadcast(std::as_writable_bytes(values), 0);
    arrived += concat(' ', name, ' ', hex(fingerprint(std::as_bytes(values))));
  }
  require_same(comm, arrived, "what came of the checkpoint",
               "it changed on the way; look at these hosts' memory and network");
  for (std::size_t m = 0; m < memories.size(); ++m) {
    const auto bytes = static_cast<std::size_t>(memories[m].values * sizeof(float));
    for (std::uint32_t agent = 0; agent < parts.map().agents(); ++agent) {
      const int owner = parts.map().owner(agent);
      const auto stored =
          root ? checkpoint->section(memories[m].section).subspan(agent * bytes, bytes) : std::span<const std::byte>();
      if (owner == comm.rank()) {
        const auto values = std::as_writable_bytes(memory_of(parts, agent, m));
        if (root) {
          std::memcpy(values.data(), stored.data(), bytes);
        } else {
          receive_checksummed(comm, memory_id(counters.steps, agent, m), values, 0, snapshot_tag);
        }
      } else if (root) {
        send_checksummed(comm, memory_id(counters.steps, agent, m), stored, owner, snapshot_tag);
      }
    }
  }
  if (RootVector of_root(parts); of_root.exists()) {
    Buffer<std::byte> all;
    if (root) all = copy_of(checkpoint->section(of_root.section()));
    of_root.scatter(comm, counters.steps, all);
  }
  return counters;
}

}  // namespace tersegrad
