#include "tersegrad/comm/mpi/communicator.hpp"

#include <sys/prctl.h>

#include <limits>

#include "tersegrad/comm/mpi/backoff.hpp"
#include "tersegrad/comm/mpi/channel.hpp"
#include "tersegrad/comm/mpi/transfer.hpp"
#include "tersegrad/comm/mpi/wait_listener.hpp"

namespace tersegrad {
namespace {

std::string mpi_text(const char* call, int code) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return concat(call, " failed: ", std::string(text, static_cast<std::size_t>(length)));
}

}  // namespace

MpiError::MpiError(const char* call, int code) : Error(mpi_text(call, code)) {}

void check_mpi(const char* call, int code) {
  if (code != MPI_SUCCESS) throw MpiError(call, code);
}

int mpi_count(std::size_t bytes, const char* what) {
  TERSEGRAD_CHECK(bytes <= static_cast<std::size_t>(std::numeric_limits<int>::max()), what, " of ", bytes,
                  " bytes (MPI counts to 2147483647); use smaller buckets (--bucket)");
  return static_cast<int>(bytes);
}

Communicator::Communicator(MPI_Comm comm) : comm_(comm) {
  check_mpi("MPI_Comm_set_errhandler", MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN));
  check_mpi("MPI_Comm_rank", MPI_Comm_rank(comm_, &rank_));
  check_mpi("MPI_Comm_size", MPI_Comm_size(comm_, &size_));
  sent_to_.assign(static_cast<std::size_t>(size_), 0);
  received_from_ = sent_to_;
  // The kernel rounds short sleeps up by this slack (50 µs unless told otherwise).
  ::prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
}

bool Communicator::ready(MPI_Request& request) const {
  int done = 0;
  check_mpi("MPI_Test", MPI_Test(&request, &done, MPI_STATUS_IGNORE));
  return done != 0;
}

void Communicator::wait(MPI_Request& request) const {
  for (Backoff backoff; !ready(request);) backoff.pause();
}

void Communicator::barrier() const {
  MPI_Request request;
  check_mpi("MPI_Ibarrier", MPI_Ibarrier(comm_, &request));
  wait(request);
}

void Communicator::broadcast(std::span<std::byte> bytes, int root) const {
  for (std::uint64_t i = 0; i < piece_count(bytes.size()); ++i) {
    const auto piece = bytes.subspan(static_cast<std::size_t>(i * longest_piece), piece_length(bytes.size(), i));
    MPI_Request request;
    const int count = mpi_count(piece.size(), "a broadcast");
    check_mpi("MPI_Ibcast", MPI_Ibcast(piece.data(), count, MPI_BYTE, root, comm_, &request));
    wait(request);
  }
}

void Communicator::all_gather(std::span<const std::byte> mine, std::span<std::byte> all) const {
  MPI_Request request;
  const int count = mpi_count(mine.size(), "an all-gather");
  check_mpi("MPI_Iallgather",
            MPI_Iallgather(mine.data(), count, MPI_BYTE, all.data(), count, MPI_BYTE, comm_, &request));
  wait(request);
}

Gathered Communicator::all_gather_pieces(std::span<const std::byte> mine) const {
  const auto ranks = static_cast<std::size_t>(size_);
  std::vector<std::int64_t> lengths(ranks);
  const std::int64_t length = static_cast<std::int64_t>(mine.size());
  all_gather(bytes_of(std::span(&length, 1)), bytes_of(std::span(lengths)));
  Gathered gathered;
  gathered.begins.assign(ranks + 1, 0);
  std::vector<int> counts(ranks), offsets(ranks);
  for (std::size_t r = 0; r < ranks; ++r) {
    counts[r] = mpi_count(static_cast<std::size_t>(lengths[r]), "an all-gathered message");
    offsets[r] = mpi_count(gathered.begins[r], "an all-gather");
    gathered.begins[r + 1] = gathered.begins[r] + static_cast<std::size_t>(lengths[r]);
  }
  gathered.bytes.resize(gathered.begins.back());
  MPI_Request request;
  check_mpi("MPI_Iallgatherv",
            MPI_Iallgatherv(mine.data(), counts[static_cast<std::size_t>(rank_)], MPI_BYTE, gathered.bytes.data(),
                            counts.data(), offsets.data(), MPI_BYTE, comm_, &request));
  wait(request);
  return gathered;
}

namespace {

template <class T>
void all_reduce(const Communicator& comm, std::span<T> values, MPI_Datatype type, MPI_Op operation) {
  MPI_Request request;
  TERSEGRAD_CHECK(values.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()), "an all-reduce of ",
                  values.size(), " values (MPI counts to 2147483647); use smaller buckets (--bucket)");
  check_mpi("MPI_Iallreduce", MPI_Iallreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), type,
                                             operation, comm.handle(), &request));
  comm.wait(request);
}

}  // namespace

void Communicator::sum(std::span<double> values) const { all_reduce(*this, values, MPI_DOUBLE, MPI_SUM); }
void Communicator::sum(std::span<std::int64_t> values) const { all_reduce(*this, values, MPI_INT64_T, MPI_SUM); }
void Communicator::max(std::span<std::int64_t> values) const { all_reduce(*this, values, MPI_INT64_T, MPI_MAX); }

void Communicator::all_reduce_sum(std::span<float> values) const {
  // The blocking call: Open MPI tunes its algorithm by size, which its non-blocking twin does not. The barrier
  // in front takes the waiting, so that no rank spins inside while another still computes.
  barrier();
  for (std::uint64_t i = 0; i < piece_count(values.size()); ++i) {
    const auto piece = values.subspan(static_cast<std::size_t>(i * longest_piece), piece_length(values.size(), i));
    const Waiting waiting;
    check_mpi("MPI_Allreduce", MPI_Allreduce(MPI_IN_PLACE, piece.data(), mpi_count(piece.size(), "an all-reduce"),
                                             MPI_FLOAT, MPI_SUM, comm_));
  }
}

MPI_Request Communicator::start_send(std::span<const std::byte> bytes, int to, int tag) const {
  MPI_Request request;
  check_mpi("MPI_Isend",
            MPI_Isend(bytes.data(), mpi_count(bytes.size(), "a message"), MPI_BYTE, to, tag, comm_, &request));
  // Other tags may be another thread's (Watchdog).
  if (tag >= first_bucket_tag) sent_to_[static_cast<std::size_t>(to)] += static_cast<std::int64_t>(bytes.size());
  return request;
}

MPI_Request Communicator::start_receive(std::span<std::byte> bytes, int from, int tag) const {
  MPI_Request request;
  check_mpi("MPI_Irecv",
            MPI_Irecv(bytes.data(), mpi_count(bytes.size(), "a message"), MPI_BYTE, from, tag, comm_, &request));
  if (tag >= first_bucket_tag) {
    received_from_[static_cast<std::size_t>(from)] += static_cast<std::int64_t>(bytes.size());
  }
  return request;
}

std::optional<std::size_t> Communicator::probe(int from, int tag) const {
  int there = 0, bytes = 0;
  MPI_Status status;
  check_mpi("MPI_Iprobe", MPI_Iprobe(from, tag, comm_, &there, &status));
  if (there == 0) return std::nullopt;
  check_mpi("MPI_Get_count", MPI_Get_count(&status, MPI_BYTE, &bytes));
  return static_cast<std::size_t>(bytes);
}

void Communicator::send(std::span<const std::byte> bytes, int to, int tag) const {
  auto request = start_send(bytes, to, tag);
  wait(request);
}

void Communicator::receive(std::span<std::byte> bytes, int from, int tag) const {
  auto request = start_receive(bytes, from, tag);
  wait(request);
}

}  // namespace tersegrad
