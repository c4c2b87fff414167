#include "tersegrad/data/shuffled_rows.hpp"

#include <sys/mman.h>

#include <cassert>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <utility>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/progress.hpp"

namespace tersegrad {

ShuffledRows::ShuffledRows(std::int64_t rows, Sequence random) {
  assert(rows >= 1);
  TERSEGRAD_CHECK(rows <= max_rows, "a data set of ", rows, " rows is too large (at most ", max_rows,
                  "); make rows longer ('context' of a text) or use a part of it");
  const auto count = static_cast<std::size_t>(rows);
  void* const begin =
      ::mmap(nullptr, count * sizeof(std::uint32_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  TERSEGRAD_CHECK(begin != MAP_FAILED, "no memory for an order of ", rows, " rows: ", std::strerror(errno));
  order_ = {static_cast<std::uint32_t*>(begin), count};
  std::iota(order_.begin(), order_.end(), std::uint32_t{0});
  // core's shuffle, which says nothing of its progress: a large order takes seconds.
  for (std::size_t i = count; i > 1; --i) {
    if (i % (std::size_t{1} << 20) == 0) tell_progress();
    std::swap(order_[i - 1], order_[static_cast<std::size_t>(random.below(i))]);
  }
}

ShuffledRows::~ShuffledRows() { ::munmap(order_.data(), order_.size_bytes()); }

}  // namespace tersegrad
