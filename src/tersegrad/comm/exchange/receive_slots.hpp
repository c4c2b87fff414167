// Memory for payloads on their way in: room for a few buckets, whatever the number of buckets.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "tersegrad/core/buffer.hpp"

namespace tersegrad {

/// A bucket whose first headers are there takes a slot, one buffer for each sender, and gives it back once it is
/// aggregated: one that nobody sends yet would keep it from those under way. With all slots taken it waits: its senders'
/// payloads then wait at the senders (but for what MPI sends at once, some KB), and the memory of a rank that aggregates is
/// a few buckets of N agents, not N·d.
class ReceiveSlots {
 public:
  /// One is aggregated while the next ones arrive.
  static constexpr std::size_t count = 3;
  using Slot = std::vector<Buffer<std::byte>>;

  explicit ReceiveSlots(std::size_t senders) {
    for (auto& slot : slots_) slot.resize(senders);
  }
  /// Null if none is free.
  Slot* take() {
    for (std::size_t i = 0; i < count; ++i) {
      if (!taken_[i]) {
        taken_[i] = true;
        return &slots_[i];
      }
    }
    return nullptr;
  }
  void give_back(const Slot* slot) { taken_[static_cast<std::size_t>(slot - slots_.data())] = false; }

  /// Buffers are kept between steps and never shrink, so this is also the most there ever was.
  std::size_t peak_bytes() const {
    std::size_t bytes = 0;
    for (const auto& slot : slots_) {
      for (const auto& buffer : slot) bytes += buffer.capacity();
    }
    return bytes;
  }

 private:
  std::array<Slot, count> slots_;
  std::array<bool, count> taken_{};
};

}  // namespace tersegrad
