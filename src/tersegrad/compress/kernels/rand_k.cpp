#include "tersegrad/compress/kernels/rand_k.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <set>
#include <utility>

namespace tersegrad::kernels {
namespace {

/// The stream as independent uniform coordinates of {0, …, n − 1}.
class Coordinates {
 public:
  Coordinates(const Stream& stream, std::uint64_t n)
      : stream_(stream), n_(n), threshold_((0x100000000ull - n) % n) {}

  std::uint32_t operator()() {
    for (;;) {
      if (used_ == words_.size()) refill();
      const std::uint64_t product = words_[used_++] * n_;
      if (static_cast<std::uint32_t>(product) >= threshold_) return static_cast<std::uint32_t>(product >> 32);
    }
  }

 private:
  void refill() {
    stream_.fill(block_, words_);
    block_ += words_.size() / 4;
    used_ = 0;
  }

  const Stream& stream_;
  std::uint64_t n_;
  std::uint64_t threshold_;  // 2^32 mod n: words whose lower product half is below it are one too many
  std::array<std::uint32_t, 1024> words_;
  std::uint64_t block_ = 0;
  std::size_t used_ = 1024;
};

/// Appends the set bits of bitmap words (inverted: the clear ones); `k` of them in all.
void list_bits(std::span<const std::uint64_t> words, std::uint64_t flip, std::int64_t n, std::int64_t k,
               std::vector<std::uint32_t>& sorted) {
  // Four indices are written for every word, needed or not: no branch depends on the random bits unless there are more.
  sorted.resize(static_cast<std::size_t>(k) + 64);
  std::uint32_t* to = sorted.data();
  for (std::size_t w = 0; w < words.size(); ++w) {
    std::uint64_t word = words[w] ^ flip;
    if (w == words.size() - 1 && n % 64 != 0) word &= (1ull << (n % 64)) - 1;
    const auto base = static_cast<std::uint32_t>(64 * w);
    const int count = std::popcount(word);
    for (int i = 0; i < 4; ++i) {
      to[i] = base + static_cast<std::uint32_t>(std::countr_zero(word));
      word &= word - 1;
    }
    for (int i = 4; i < count; ++i) {
      to[i] = base + static_cast<std::uint32_t>(std::countr_zero(word));
      word &= word - 1;
    }
    to += count;
  }
  assert(to == sorted.data() + k);
  sorted.resize(static_cast<std::size_t>(k));
}

/// Marks the first m distinct coordinates in a bitmap of n bits.
void draw_bitmap(Coordinates& next, std::int64_t m, std::vector<std::uint64_t>& bitmap) {
  while (m > 0) {
    for (std::int64_t i = m; i > 0; --i) {
      const std::uint32_t j = next();
      std::uint64_t& word = bitmap[j / 64];
      const std::uint64_t bit = 1ull << (j % 64);
      m -= (word & bit) == 0;
      word |= bit;
    }
  }
}

/// Radix sort, 11 bits a pass, of values below n.
void sort_below(std::uint64_t n, std::vector<std::uint32_t>& values, std::vector<std::uint32_t>& scratch) {
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
void draw_sparse(Coordinates& next, std::uint64_t n, std::size_t m, std::vector<std::uint32_t>& sorted,
                 std::vector<std::uint32_t>& scratch) {
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
  Coordinates next(stream, static_cast<std::uint64_t>(n));
  if (!complement && drawn < n / 256) {
    static thread_local std::vector<std::uint32_t> scratch;
    draw_sparse(next, static_cast<std::uint64_t>(n), static_cast<std::size_t>(drawn), sorted, scratch);
    return;
  }
  static thread_local std::vector<std::uint64_t> bitmap;
  bitmap.assign(static_cast<std::size_t>((n + 63) / 64), 0);
  draw_bitmap(next, drawn, bitmap);
  list_bits(bitmap, complement ? ~0ull : 0ull, n, k, sorted);
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
