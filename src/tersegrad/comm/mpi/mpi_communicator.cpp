#include "tersegrad/comm/mpi/mpi_communicator.hpp"

#include <sys/prctl.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <thread>

#include "tersegrad/comm/mpi/environment.hpp"
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

/// Throws MpiError unless `code` is MPI_SUCCESS.
void check_mpi(const char* call, int code) {
  if (code != MPI_SUCCESS) throw MpiError(call, code);
}

/// A pointer in Open MPI, an int in MPICH; neither gives 0 to a request that is under way.
static_assert(sizeof(MPI_Request) <= sizeof(std::uint64_t));

Request request_of(MPI_Request request) {
  std::uint64_t handle = 0;
  if (request != MPI_REQUEST_NULL) std::memcpy(&handle, &request, sizeof request);
  return Request(handle);
}

MPI_Request handle_of(const Request& request) {
  MPI_Request handle;
  const std::uint64_t bits = request.handle();
  std::memcpy(&handle, &bits, sizeof handle);
  return handle;
}

void finish(const Communicator& comm, MPI_Request handle) {
  Request request = request_of(handle);
  comm.wait(request);
}

int rank_in(MPI_Comm comm) {
  int rank = 0;
  check_mpi("MPI_Comm_set_errhandler", MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN));
  check_mpi("MPI_Comm_rank", MPI_Comm_rank(comm, &rank));
  return rank;
}

int size_of(MPI_Comm comm) {
  int size = 1;
  check_mpi("MPI_Comm_size", MPI_Comm_size(comm, &size));
  return size;
}

}  // namespace

MpiError::MpiError(const char* call, int code) : CommunicationError(mpi_text(call, code)) {}

int mpi_count(std::size_t bytes, const char* what) {
  TERSEGRAD_CHECK(bytes <= static_cast<std::size_t>(std::numeric_limits<int>::max()), what, " of ", bytes,
                  " bytes (MPI counts to 2147483647); use smaller buckets (--bucket)");
  return static_cast<int>(bytes);
}

MpiCommunicator::MpiCommunicator(MPI_Comm comm) : Communicator(rank_in(comm), size_of(comm)), comm_(comm) {
  // The kernel rounds short sleeps up by this slack (50 µs unless told otherwise).
  ::prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
}

MpiCommunicator::MpiCommunicator(MPI_Comm comm, Owned) : MpiCommunicator(comm) { owned_ = true; }

MpiCommunicator::~MpiCommunicator() {
  if (owned_) MPI_Comm_free(&comm_);
}

bool MpiCommunicator::ready(Request& request) const {
  if (request.handle() == 0) return true;
  MPI_Request handle = handle_of(request);
  int done = 0;
  check_mpi("MPI_Test", MPI_Test(&handle, &done, MPI_STATUS_IGNORE));
  if (done != 0) request = Request();
  return done != 0;
}

void MpiCommunicator::barrier() const {
  MPI_Request handle;
  check_mpi("MPI_Ibarrier", MPI_Ibarrier(comm_, &handle));
  finish(*this, handle);
}

void MpiCommunicator::broadcast(std::span<std::byte> bytes, int root) const {
  for (std::uint64_t i = 0; i < piece_count(bytes.size()); ++i) {
    const auto piece = bytes.subspan(static_cast<std::size_t>(i * longest_piece), piece_length(bytes.size(), i));
    MPI_Request handle;
    const int count = mpi_count(piece.size(), "a broadcast");
    check_mpi("MPI_Ibcast", MPI_Ibcast(piece.data(), count, MPI_BYTE, root, comm_, &handle));
    finish(*this, handle);
  }
}

void MpiCommunicator::all_gather(std::span<const std::byte> mine, std::span<std::byte> all) const {
  MPI_Request handle;
  const int count = mpi_count(mine.size(), "an all-gather");
  check_mpi("MPI_Iallgather",
            MPI_Iallgather(mine.data(), count, MPI_BYTE, all.data(), count, MPI_BYTE, comm_, &handle));
  finish(*this, handle);
}

Gathered MpiCommunicator::all_gather_pieces(std::span<const std::byte> mine) const {
  const auto ranks = static_cast<std::size_t>(size());
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
  MPI_Request handle;
  check_mpi("MPI_Iallgatherv",
            MPI_Iallgatherv(mine.data(), counts[static_cast<std::size_t>(rank())], MPI_BYTE, gathered.bytes.data(),
                            counts.data(), offsets.data(), MPI_BYTE, comm_, &handle));
  finish(*this, handle);
  return gathered;
}

namespace {

template <class T>
MPI_Request start_all_reduce(MPI_Comm comm, std::span<T> values, MPI_Datatype type, MPI_Op operation) {
  MPI_Request handle;
  TERSEGRAD_CHECK(values.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()), "an all-reduce of ",
                  values.size(), " values (MPI counts to 2147483647); use smaller buckets (--bucket)");
  check_mpi("MPI_Iallreduce", MPI_Iallreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), type,
                                             operation, comm, &handle));
  return handle;
}

}  // namespace

void MpiCommunicator::sum(std::span<double> values) const {
  finish(*this, start_all_reduce(comm_, values, MPI_DOUBLE, MPI_SUM));
}

void MpiCommunicator::max(std::span<std::int64_t> values) const {
  finish(*this, start_all_reduce(comm_, values, MPI_INT64_T, MPI_MAX));
}

Request MpiCommunicator::start_sum(std::span<std::int64_t> values) const {
  return request_of(start_all_reduce(comm_, values, MPI_INT64_T, MPI_SUM));
}

void MpiCommunicator::all_reduce_sum(std::span<float> values) const {
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

std::vector<int> MpiCommunicator::node_leaders() const {
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi("MPI_Comm_split_type", MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, rank(), MPI_INFO_NULL, &node));
  int leader = rank();
  const int status = MPI_Allreduce(MPI_IN_PLACE, &leader, 1, MPI_INT, MPI_MIN, node);
  MPI_Comm_free(&node);
  check_mpi("MPI_Allreduce", status);
  std::vector<int> leaders(static_cast<std::size_t>(size()));
  all_gather(bytes_of(std::span<const int>(&leader, 1)), bytes_of(std::span(leaders)));
  return leaders;
}

std::unique_ptr<Communicator> MpiCommunicator::split(int colour) const {
  MPI_Comm part = MPI_COMM_NULL;
  check_mpi("MPI_Comm_split", MPI_Comm_split(comm_, colour < 0 ? MPI_UNDEFINED : colour, rank(), &part));
  if (part == MPI_COMM_NULL) return nullptr;
  return std::unique_ptr<Communicator>(new MpiCommunicator(part, Owned()));
}

Request MpiCommunicator::post_send(std::span<const std::byte> bytes, int to, int tag) const {
  MPI_Request handle;
  check_mpi("MPI_Isend",
            MPI_Isend(bytes.data(), mpi_count(bytes.size(), "a message"), MPI_BYTE, to, tag, comm_, &handle));
  return request_of(handle);
}

Request MpiCommunicator::post_receive(std::span<std::byte> bytes, int from, int tag) const {
  MPI_Request handle;
  check_mpi("MPI_Irecv",
            MPI_Irecv(bytes.data(), mpi_count(bytes.size(), "a message"), MPI_BYTE, from, tag, comm_, &handle));
  return request_of(handle);
}

std::optional<Arrival> MpiCommunicator::probe(int from, int tag) const {
  int there = 0, bytes = 0;
  MPI_Status status;
  check_mpi("MPI_Iprobe", MPI_Iprobe(from == any_source ? MPI_ANY_SOURCE : from, tag, comm_, &there, &status));
  if (there == 0) return std::nullopt;
  check_mpi("MPI_Get_count", MPI_Get_count(&status, MPI_BYTE, &bytes));
  return Arrival{status.MPI_SOURCE, static_cast<std::size_t>(bytes)};
}

std::int64_t MpiCommunicator::largest_tag() const {
  int* largest = nullptr;
  int known = 0;
  check_mpi("MPI_Comm_get_attr", MPI_Comm_get_attr(comm_, MPI_TAG_UB, &largest, &known));
  return known != 0 ? *largest : 32767;  // what the standard promises
}

void MpiCommunicator::abort(const std::string& what) const {
  // MPI_Abort itself may hang where a host is out of reach.
  std::thread([] {
    std::this_thread::sleep_for(std::chrono::seconds(5));
    std::_Exit(exit_failed_rank);
  }).detach();
  end_job(rank(), size(), what);
}

}  // namespace tersegrad
