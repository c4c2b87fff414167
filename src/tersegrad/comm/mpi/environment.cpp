#include "tersegrad/comm/mpi/environment.hpp"

#include <mpi.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>

#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/comm/mpi/mpi_communicator.hpp"
#include "tersegrad/comm/mpi/start.hpp"
#include "tersegrad/core/system/file_handles.hpp"
#include "tersegrad/core/system/launcher.hpp"
#include "tersegrad/core/system/processor.hpp"

namespace tersegrad {
namespace {

class Environment {
 public:
  Environment(int* argc, char*** argv) {
    std::signal(SIGXFSZ, SIG_IGN);  // a file beyond the limit (ulimit -f) is an error of write(), with a text
    prepare_start();
    int provided = 0;
    const int status = MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided);
    end_start();
    if (status != MPI_SUCCESS || provided < MPI_THREAD_FUNNELED) {
      std::fprintf(stderr, "tersegrad: this MPI library does not support MPI_THREAD_FUNNELED\n");
      std::abort();
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    use_default_float_environment();  // whatever MPI's plug-ins, loaded just now, were compiled with
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

int run_with_mpi(int* argc, char*** argv, const std::function<int(Communicator&)>& body) {
  const auto launch = find_launch();  // MPI may set such variables itself as it starts
  const int handles = raise_file_handles();
  const int wanted = least_file_handles(launch ? launch->size : 1);
  if (handles < wanted) {
    return refuse_start(launch, concat("this process may open ", handles, " files (ulimit -n), and MPI needs ", wanted,
                                       " as it starts: raise the limit"));
  }
  if (launch && !mpi_can_join(*launch)) return refuse_start(launch, unknown_to_mpi(*launch));
  // Outside the handlers: MPI_Finalize must never run while an exception unwinds, it would wait for the others.
  const Environment environment(argc, argv);
  MpiCommunicator world(MPI_COMM_WORLD);
  if (launch && launch->several() && world.size() == 1) return refuse_start(launch, unknown_to_mpi(*launch));
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
