#include "tersegrad/comm/mpi/start.hpp"

#include <dlfcn.h>
#include <mpi.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>
#include <vector>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

/// "Open MPI v4.1.4"
std::string library_name() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);  // one of the few calls that are allowed before MPI_Init
  const std::string name(text);
  return name.substr(0, name.find_first_of(",\n"));
}

/// Whether Open MPI was built with Slurm's PMI-1 or PMI-2 (or Cray's), which are plug-ins beside the library. A user
/// who has chosen one by name knows.
bool has_older_pmi() {
  if (std::getenv("OMPI_MCA_pmix") != nullptr) return true;
  Dl_info info{};
  if (::dladdr(reinterpret_cast<void*>(&MPI_Init_thread), &info) == 0 || info.dli_fname == nullptr) return false;
  std::error_code none;
  const auto folder = std::filesystem::canonical(info.dli_fname, none).parent_path();
  for (const char* plugins : {"openmpi", "openmpi3"}) {  // upstream's name, and Debian's
    for (const char* name : {"mca_pmix_s1.so", "mca_pmix_s2.so", "mca_pmix_cray.so"}) {
      if (std::filesystem::exists(folder / plugins / name, none)) return true;
    }
  }
  return false;
}

#ifdef OPEN_MPI
constexpr bool is_open_mpi = true;
#else
constexpr bool is_open_mpi = false;
#endif

/// Variables that are hidden while MPI starts, with their values.
std::vector<std::pair<const char*, std::string>>& hidden() {
  static std::vector<std::pair<const char*, std::string>> variables;
  return variables;
}

void hide(const char* name) {
  if (const char* value = std::getenv(name)) {
    hidden().emplace_back(name, value);
    ::unsetenv(name);
  }
}

}  // namespace

bool mpi_can_join(const Launch& launch) {
  if (!is_open_mpi || !launch.slurm_step) return true;
  return std::getenv("PMIX_NAMESPACE") != nullptr || has_older_pmi();
}

std::string unknown_to_mpi(const Launch& launch) {
  const std::string number = launch.size == 0 ? "several" : std::to_string(launch.size);
  const std::string advice = launch.slurm_step
      ? "start it with srun --mpi=pmix (srun --mpi=list shows whether this Slurm has it) or with mpirun in an allocation"
      : concat("start it with the mpirun of ", library_name(), ", or with launch/local");
  return concat("started as one of ", number, " processes by ", launch.launcher, " (", launch.evidence,
                "), of which MPI sees this one alone: each would be a run of its own; ", advice);
}

int refuse_start(const std::optional<Launch>& launch, const std::string& what) {
  if (!launch || launch->speaks()) {
    std::fprintf(stderr, "tersegrad: %s\n", what.c_str());
  } else {
    // Some launchers end the others as soon as one has failed.
    std::this_thread::sleep_for(std::chrono::seconds(2));
  }
  return 1;
}

void prepare_start() {
  // For the transport over TCP. By default a receiver asks for every piece of a large message, and its request waits
  // behind the megabytes that it is sending itself: two ranks that send to each other at once get half of what the link
  // carries (at 100 Mbit/s an all-gather of 4.2 MB takes 0.63 s instead of 0.36 s).
  ::setenv("OMPI_MCA_btl_tcp_flags", "1", 0);  // send; do not put
  // Without asking at all where a segment of OrderedSum fits.
  ::setenv("OMPI_MCA_btl_tcp_eager_limit", "524288", 0);
  ::setenv("OMPI_MCA_btl_tcp_max_send_size", "524288", 0);
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_NAMESPACE"}) {
    if (std::getenv(name) != nullptr) return;
  }
  // Alone. Open MPI 4.1 would start a daemon for processes that might be spawned, which needs a PATH with ssh in it, a
  // home, files and processes of its own, and fails or stands still where it lacks one of them.
  ::setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
  // The only task of a step of Slurm's, or a shell of salloc's (which is one), is no failed part of a parallel job.
  if (!has_older_pmi()) {
    hide("SLURM_STEP_ID");
    hide("SLURM_NODELIST");
  }
}

void end_start() {
  for (const auto& [name, value] : hidden()) ::setenv(name, value.c_str(), 1);
  hidden().clear();
}

}  // namespace tersegrad
