#include "tersegrad/comm/environment.hpp"

#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "tersegrad/comm/collectively.hpp"
#include "tersegrad/comm/communicator.hpp"

namespace tersegrad {
namespace {

/// Settings for Open MPI's transport over TCP, which reads them as it starts; what a user has set stands, and other
/// libraries and transports ignore them. By default a receiver asks for every piece of a large message, and its request
/// waits behind the megabytes that it is sending itself: two ranks that send to each other at once get half of what the
/// link carries (at 100 Mbit/s an all-gather of 4.2 MB takes 0.63 s instead of 0.36 s).
void prepare_tcp() {
  ::setenv("OMPI_MCA_btl_tcp_flags", "1", 0);  // send; do not put
  // Without asking at all where a segment of OrderedSum fits.
  ::setenv("OMPI_MCA_btl_tcp_eager_limit", "524288", 0);
  ::setenv("OMPI_MCA_btl_tcp_max_send_size", "524288", 0);
}

class Environment {
 public:
  Environment(int* argc, char*** argv) {
    prepare_tcp();
    int provided = 0;
    const int status = MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided);
    if (status != MPI_SUCCESS || provided < MPI_THREAD_FUNNELED) {
      std::fprintf(stderr, "tersegrad: this MPI library does not support MPI_THREAD_FUNNELED\n");
      std::abort();
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    std::signal(SIGXFSZ, SIG_IGN);  // a file beyond the limit (ulimit -f) is an error of write(), with a text
  }
  ~Environment() { MPI_Finalize(); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
};

}  // namespace

void end_job(int rank, int size, const std::string& what) {
  char host[256] = "?";
  ::gethostname(host, sizeof host - 1);
  // One write, so that lines of several ranks do not mix.
  const std::string line = concat("tersegrad: rank ", rank, " of ", size, " on ", host, ": ", what, "\n");
  std::fflush(stdout);
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
  MPI_Abort(MPI_COMM_WORLD, exit_failed_rank);
  std::_Exit(exit_failed_rank);
}

bool under_mpi_launcher() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "MPI_LOCALNRANKS"}) {
    if (std::getenv(name) != nullptr) return true;
  }
  return false;
}

int launched_ranks() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    if (const char* size = std::getenv(name)) return std::max(1, std::atoi(size));
  }
  return 1;
}

int run_with_mpi(int* argc, char*** argv, const std::function<int(Communicator&)>& body) {
  // Outside the handlers: MPI_Finalize must never run while an exception unwinds, it would wait for the others.
  const Environment environment(argc, argv);
  Communicator world(MPI_COMM_WORLD);
  try {
    return body(world);
  } catch (const CollectiveError& error) {
    if (world.rank() == 0) std::fprintf(stderr, "tersegrad: %s\n", error.what());
    return 1;
  } catch (const std::exception& error) {
    end_job(world.rank(), world.size(), one_line(error).c_str());
  } catch (...) {
    end_job(world.rank(), world.size(), "an exception of unknown type");
  }
}

}  // namespace tersegrad
