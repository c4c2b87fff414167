#include "tersegrad/compress/kernels/sparse/rand_k.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <set>
#include <utility>

#include "tersegrad/compress/kernels/quantized/uniform_words.hpp"
#include "tersegrad/compress/kernels/sparse/bitmap.hpp"
#include "tersegrad/core/buffer.hpp"

namespace tersegrad::kernels {
namespace {

/// The stream as independent uniform coordinates of {0, …, n − 1}.
class Coordinates {
 public:
  /// \param expected  about how many will be asked for
  Coordinates(const Stream& stream, std::uint64_t n, std::uint64_t expected)
      : stream_(stream),
        n_(n),
        threshold_((0x100000000ull - n) % n),
        chunk_(std::clamp<std::size_t>(expected, 4, 1024) / 4 * 4) {}

  std::uint32_t operator()() {
    for (;;) {
      if (used_ == filled_) refill();
      const std::uint64_t product = words_[used_++] * n_;
      if (static_cast<std::uint32_t>(product) >= threshold_) return static_cast<std::uint32_t>(product >> 32);
    }
  }

 private:
  void refill() {
    fill_words(stream_, block_, std::span(words_).first(chunk_));
    block_ += chunk_ / 4;
    used_ = 0;
    filled_ = chunk_;
  }

  const Stream& stream_;
  std::uint64_t n_;
  std::uint64_t threshold_;  // 2^32 mod n: words whose lower product half is below it are one too many
  std::size_t chunk_;
  std::array<std::uint32_t, 1024> words_;
  std::uint64_t block_ = 0;
  std::size_t used_ = 0, filled_ = 0;
};

/// A set of coordinates as bits.
class Bitmap {
 public:
  void reset(std::int64_t n) { words_.assign(static_cast<std::size_t>((n + 63) / 64), 0); }

  /// \returns whether j is new
  bool insert(std::uint32_t j) {
    std::uint64_t& word = words_[j / 64];
    const std::uint64_t bit = 1ull << (j % 64);
    const bool is_new = (word & bit) == 0;
    word |= bit;
    return is_new;
  }

  /// Inserts `draws` coordinates. \returns how many were new
  std::int64_t insert(Coordinates& next, std::int64_t draws) {
    std::int64_t inserted = 0;
    if (words_.size() < 8 * region_words || draws < 4096) {
      for (std::int64_t i = 0; i < draws; ++i) inserted += insert(next());
      return inserted;
    }
    // Random places in a bitmap larger than the cache would each wait for memory: the draws are first sorted by
    // region of the bitmap, then one region after the other is filled.
    const std::size_t per_region = std::max(region_words, std::bit_ceil(words_.size() / 256));
    const int shift = std::countr_zero(64 * per_region);
    const std::size_t regions = (words_.size() + per_region - 1) / per_region;
    const double mean = static_cast<double>(draws) / static_cast<double>(regions);
    const auto room = static_cast<std::size_t>(mean + 6 * std::sqrt(mean)) + 16;
    drawn_.resize(regions * room);
    std::vector<std::uint32_t*> ends(regions);
    for (std::size_t r = 0; r < regions; ++r) ends[r] = drawn_.data() + r * room;
    const auto fill = [&](std::size_t r) {
      std::uint32_t* const begin = drawn_.data() + r * room;
      for (const std::uint32_t* j = begin; j != ends[r]; ++j) inserted += insert(*j);
      ends[r] = begin;
    };
    for (std::int64_t i = 0; i < draws; ++i) {
      const std::uint32_t j = next();
      const std::size_t r = j >> shift;
      *ends[r]++ = j;
      if (ends[r] == drawn_.data() + (r + 1) * room) fill(r);
    }
    for (std::size_t r = 0; r < regions; ++r) fill(r);
    return inserted;
  }

  /// The k elements below n, ascending, or the k others.
  void list(std::int64_t n, std::int64_t k, bool others, std::vector<std::uint32_t>& sorted) const {
    sorted.resize(static_cast<std::size_t>(k) + 64 + 2);  // the bits past n in the last word, and list_bits' slack
    const auto* end = list_bits(words_, others ? ~0ull : 0ull, sorted.data());
    assert(end - sorted.data() == (others ? k + (64 - n % 64) % 64 : k));
    (void)end, (void)n;
    sorted.resize(static_cast<std::size_t>(k));
  }

 private:
  static constexpr std::size_t region_words = 4096;  // 32 KiB
  Buffer<std::uint64_t> words_;
  Buffer<std::uint32_t> drawn_;
};

/// Radix sort, 11 bits a pass, of values below n.
void sort_below(std::uint64_t n, std::vector<std::uint32_t>& values, std::vector<std::uint32_t>& scratch) {
  if (values.size() < 512) return std::sort(values.begin(), values.end());
  scratch.resize(values.size());
  for (int shift = 0; shift < 32 && (n - 1) >> shift != 0; shift += 11) {
    std::array<std::uint32_t, 2048> start{};
    for (const auto v : values) ++start[v >> shift & 2047];
    std::uint32_t sum = 0;
    for (auto& s : start) sum += std::exchange(s, sum);
    for (const auto v : values) scratch[start[v >> shift & 2047]++] = v;
    values.swap(scratch);
  }
}

/// The first m distinct coordinates, ascending, without a bitmap: for m far below n.
void draw_sparse(Coordinates& next, std::uint64_t n, std::size_t m, std::vector<std::uint32_t>& sorted) {
  static thread_local std::vector<std::uint32_t> scratch;
  sorted.clear();
  while (sorted.size() < m) {
    // Draws that repeat an earlier one vanish in `unique`; as many more are drawn, in the stream's order.
    const std::size_t missing = m - sorted.size(), known = sorted.size();
    for (std::size_t i = 0; i < missing; ++i) sorted.push_back(next());
    if (known == 0) {
      sort_below(n, sorted, scratch);
    } else {
      std::sort(sorted.begin() + static_cast<std::ptrdiff_t>(known), sorted.end());
      std::inplace_merge(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(known), sorted.end());
    }
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  }
}

}  // namespace

void draw_subset(const Stream& stream, std::int64_t n, std::int64_t k, std::vector<std::uint32_t>& sorted) {
  assert(n >= 0 && n < (std::int64_t{1} << 32) && k >= 0 && k <= n);
  sorted.clear();
  if (k == 0) return;
  const bool complement = k > n - k;
  const std::int64_t drawn = complement ? n - k : k;
  Coordinates next(stream, static_cast<std::uint64_t>(n), static_cast<std::uint64_t>(drawn));
  if (!complement && drawn < n / 256) {
    draw_sparse(next, static_cast<std::uint64_t>(n), static_cast<std::size_t>(drawn), sorted);
    return;
  }
  static thread_local Bitmap bitmap;
  bitmap.reset(n);
  for (std::int64_t missing = drawn; missing > 0;) missing -= bitmap.insert(next, missing);
  bitmap.list(n, k, complement, sorted);
}

void draw_subsets(const Stream& stream, std::int64_t n, std::int64_t k, std::int64_t replicas,
                  std::vector<std::uint32_t>& sorted) {
  assert(n >= 1 && k >= 0 && k <= n && replicas >= 0 && n * replicas < (std::int64_t{1} << 32));
  sorted.resize(static_cast<std::size_t>(k * replicas));
  std::array<std::uint32_t, 256> words;
  std::size_t used = words.size();
  std::uint64_t block = 0;
  const auto below = [&](std::uint64_t bound) {
    for (;;) {
      if (used == words.size()) {
        fill_words(stream, block, words);
        block += words.size() / 4;
        used = 0;
      }
      const std::uint64_t product = words[used++] * bound;
      // 2^32 mod bound words are one too many; the division is needed only where the word might be one of them.
      const auto low = static_cast<std::uint32_t>(product);
      if (low >= bound || low >= (0x100000000ull - bound) % bound) return static_cast<std::uint32_t>(product >> 32);
    }
  };
  std::uint32_t* set = sorted.data();
  for (std::int64_t r = 0; r < replicas; ++r, set += k) {
    const auto base = static_cast<std::uint32_t>(r * n);
    for (std::int64_t i = 0; i < k; ++i) {  // Floyd: i coordinates so far, the next among the first n − k + i + 1
      const auto last = static_cast<std::uint32_t>(n - k + i);
      const std::uint32_t j = base + below(std::uint64_t{last} + 1);
      std::uint32_t* const at = std::lower_bound(set, set + i, j);
      if (at != set + i && *at == j) {
        set[i] = base + last;  // above all so far
      } else {
        std::move_backward(at, set + i, set + i + 1);
        *at = j;
      }
    }
  }
}

void gather(std::span<const float> x, std::span<const std::uint32_t> sorted, std::uint32_t base, std::span<float> out) {
  assert(out.size() == sorted.size());
  assert(sorted.empty() || (sorted.front() >= base && sorted.back() - base < x.size()));
  for (std::size_t i = 0; i < sorted.size(); ++i) out[i] = x[sorted[i] - base];
}

void scatter_add(std::span<const float> values, std::span<const std::uint32_t> sorted, std::uint32_t base, float scale,
                 std::span<float> out) {
  assert(values.size() == sorted.size());
  assert(sorted.empty() || (sorted.front() >= base && sorted.back() - base < out.size()));
  for (std::size_t i = 0; i < sorted.size(); ++i) out[sorted[i] - base] += scale * values[i];
}

namespace reference {

void draw_subsets(const Stream& stream, std::int64_t n, std::int64_t k, std::int64_t replicas,
                  std::vector<std::uint32_t>& sorted) {
  sorted.clear();
  std::uint64_t w = 0;
  for (std::int64_t r = 0; r < replicas; ++r) {
    std::set<std::uint32_t> set;
    for (auto bound = static_cast<std::uint64_t>(n - k) + 1; bound <= static_cast<std::uint64_t>(n);) {
      const std::uint64_t product = std::uint64_t{stream.block(w / 4)[w % 4]} * bound;
      ++w;
      if (product % 0x100000000ull < 0x100000000ull % bound) continue;
      const auto j = static_cast<std::uint32_t>(product / 0x100000000ull);
      set.insert(set.contains(j) ? static_cast<std::uint32_t>(bound - 1) : j);
      ++bound;
    }
    for (const auto j : set) sorted.push_back(static_cast<std::uint32_t>(r * n) + j);
  }
}

void draw_subset(const Stream& stream, std::int64_t n, std::int64_t k, std::vector<std::uint32_t>& sorted) {
  const bool complement = k > n - k;
  const auto drawn = static_cast<std::size_t>(complement ? n - k : k);
  std::set<std::uint32_t> set;
  for (std::uint64_t w = 0; set.size() < drawn; ++w) {
    const std::uint64_t product = std::uint64_t{stream.block(w / 4)[w % 4]} * static_cast<std::uint64_t>(n);
    if (product % 0x100000000ull >= 0x100000000ull % static_cast<std::uint64_t>(n)) {
      set.insert(static_cast<std::uint32_t>(product / 0x100000000ull));
    }
  }
  sorted.assign(set.begin(), set.end());
  if (!complement) return;
  sorted.clear();
  for (std::int64_t j = 0; j < n; ++j) {
    if (!set.contains(static_cast<std::uint32_t>(j))) sorted.push_back(static_cast<std::uint32_t>(j));
  }
}

}  // namespace reference
}  // namespace tersegrad::kernels
