#include "tersegrad/comm/mpi/repeated_sum.hpp"

#include <algorithm>

namespace tersegrad {

RepeatedSum::~RepeatedSum() {
  if (under_way_) static_cast<void>(sums_.release());
}

std::span<const std::int64_t> RepeatedSum::look(std::span<const std::int64_t> mine, bool begin) {
  if (!under_way_) {
    if (!begin) return {};
    std::copy(mine.begin(), mine.end(), sums_->begin());
    check_mpi("MPI_Iallreduce", MPI_Iallreduce(MPI_IN_PLACE, sums_->data(), static_cast<int>(sums_->size()),
                                               MPI_INT64_T, MPI_SUM, comm_.handle(), &request_));
    under_way_ = true;
  }
  if (!comm_.ready(request_)) return {};
  under_way_ = false;
  return *sums_;
}

}  // namespace tersegrad
