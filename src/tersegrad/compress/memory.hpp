// What an encoder with memory remembers, and how a step is taken back.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <utility>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/buffer.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad {

/// A vector whose new value counts only once the step is over: 2 floats a coordinate. Where no step is ever taken back
/// (CompressorSetup::undo) the new value is written over the old one: 1 float.
class Memory {
 public:
  Memory(std::int64_t size, bool undo) : undo_(undo), kept_(static_cast<std::size_t>(size)) {
    if (undo) next_.resize(kept_.size());
  }

  /// The last step stands: what it wrote is the memory now.
  void commit() {
    if (std::exchange(written_, false) && undo_) kept_.swap(next_);
  }
  void discard() {
    TERSEGRAD_ASSERT(undo_, "a step of an encoder that cannot undo it is taken back");
    written_ = false;
  }

  std::span<float> kept() { return kept_; }  ///< as of the last step
  std::span<float> next() { return undo_ ? next_ : kept_; }  ///< being written
  std::span<float> kept(const Bucket& bucket) { return part(kept_, bucket); }
  std::span<float> next(const Bucket& bucket) { return part(undo_ ? next_ : kept_, bucket); }
  void wrote() { written_ = true; }  ///< next() holds the new values: commit() takes them

  /// A coordinate whose new value is not finite keeps its old one: a NaN must not stay for ever. Without undo it does,
  /// and the run ends with it.
  void keep_finite(const Bucket& bucket) {
    if (!undo_) return;
    const auto kept = part(kept_, bucket), next = part(next_, bucket);
    for (std::size_t j = 0; j < next.size(); ++j) {
      if ((std::bit_cast<std::uint32_t>(next[j]) & 0x7f800000u) == 0x7f800000u) next[j] = kept[j];
    }
  }

 private:
  static std::span<float> part(Buffer<float>& vector, const Bucket& bucket) {
    return part_of(std::span<float>(vector), bucket);
  }

  bool undo_;
  Buffer<float> kept_, next_;
  bool written_ = false;
};

/// The compressor that a wrapper's last argument names; \throws Error unless error feedback can converge with it.
std::shared_ptr<const Compressor> make_for_feedback(const std::string& inner, const CompressorSetup& setup,
                                                    const std::string& wrapper);

}  // namespace tersegrad
