#include "tersegrad/core/system/launcher.hpp"

#include <cstdint>
#include <cstdlib>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {
namespace {

const char* variable(const char* name) {
  const char* value = name == nullptr ? nullptr : std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

/// What is no count, or none that a job can have, is not there.
std::optional<int> count(const char* name) {
  const char* text = variable(name);
  std::int64_t value = 0;
  if (text == nullptr || !parse_integer(text, value) || value < 0 || value > 100'000'000) return std::nullopt;
  return static_cast<int>(value);
}

/// Variables that a launcher gives each of its processes.
struct Variables {
  const char* launcher;
  const char* mark;  ///< has to be there too; null: size or rank is enough
  const char* size;  ///< null: it does not say how many it started
  const char* rank;
  bool mpi = true;  ///< false: it starts processes that are none of any MPI, so one alone is as good as unlaunched
};

/// The first row that fits names the launcher where several use the same variables.
constexpr Variables known[] = {
    {"Cray's PALS (mpiexec, aprun)", "PALS_RANKID", "PMI_SIZE", "PALS_RANKID"},
    {"Cray's PALS (mpiexec, aprun)", "PALS_RANKID", "PALS_SIZE", "PALS_RANKID"},
    {"Hydra, the mpirun of MPICH and Intel MPI", "MPI_LOCALNRANKS", "PMI_SIZE", "PMI_RANK"},
    {"Hydra, the mpirun of MPICH and Intel MPI", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", "MPI_LOCALRANKID"},
    {"MVAPICH's mpirun", nullptr, "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"},
    {"MVAPICH's mpirun", nullptr, "MVP_COMM_WORLD_SIZE", "MVP_COMM_WORLD_RANK"},
    {"jsrun", nullptr, "JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK"},
    {"a launcher with PMI", nullptr, "PMI_SIZE", "PMI_RANK"},
    {"a launcher with PMIx", nullptr, nullptr, "PMIX_RANK"},
    {"torchrun", "TORCHELASTIC_RUN_ID", "WORLD_SIZE", "RANK", false},
    // What PyTorch's env:// reads, and what its operators on Kubernetes set.
    {"a launcher of PyTorch jobs", "MASTER_ADDR", "WORLD_SIZE", "RANK", false},
};

std::optional<Launch> launch_of(const Variables& names) {
  if (names.mark != nullptr && variable(names.mark) == nullptr) return std::nullopt;
  const auto size = count(names.size), rank = count(names.rank);
  if (names.size != nullptr ? !size || *size < 1 || (*size > 1 && !rank) : !rank) return std::nullopt;
  Launch launch;
  launch.launcher = names.launcher;
  const char* tells = names.size != nullptr ? names.size : names.rank;
  launch.evidence = concat(tells, "=", variable(tells));
  launch.rank = rank.value_or(0);
  launch.size = size ? *size : launch.rank > 0 ? 0 : 1;
  if (!names.mpi && !launch.several()) return std::nullopt;
  return launch;
}

/// A step of several tasks; in one of a single task nobody needs to know of any other. A batch script and a shell of salloc have no step's number, or one of those beyond all
/// real ones (4294967291, 4294967290; "batch" in words).
std::optional<Launch> slurm_launch() {
  constexpr std::int64_t first_special_step = 0xfffffff0;
  const char* id = variable("SLURM_STEP_ID");
  std::int64_t step = 0;
  if (id == nullptr || !parse_integer(id, step) || step < 0 || step >= first_special_step) return std::nullopt;
  const auto tasks = count("SLURM_STEP_NUM_TASKS"), rank = count("SLURM_PROCID");
  if (!rank) return std::nullopt;
  Launch launch;
  launch.launcher = "Slurm's srun";
  launch.slurm_step = true;
  launch.rank = *rank;
  launch.size = tasks.value_or(*rank > 0 ? 0 : 1);
  launch.evidence = tasks ? concat("SLURM_STEP_NUM_TASKS=", *tasks) : concat("SLURM_PROCID=", *rank);
  if (!launch.several()) return std::nullopt;
  return launch;
}

}  // namespace

std::optional<Launch> find_launch() {
  if (auto own = launch_of({"Open MPI's mpirun", nullptr, "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"})) return own;
  std::optional<Launch> most = slurm_launch();
  for (const Variables& names : known) {
    auto launch = launch_of(names);
    // In a step of Slurm's, srun itself sets what is PMI's: the same number.
    if (launch && (!most || (launch->several() && (!most->several() || launch->size > most->size)))) most = launch;
  }
  return most;
}

}  // namespace tersegrad
