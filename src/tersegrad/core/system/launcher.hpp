// What started this process, as its environment tells it.
#pragma once

#include <optional>
#include <string>

namespace tersegrad {

/// What a launcher of parallel jobs says of this process. Whether MPI knows of it is another question.
struct Launch {
  std::string launcher;  ///< "Slurm's srun"
  std::string evidence;  ///< the variable that tells, "PMI_SIZE=3"
  int size = 1;          ///< processes started together; 0: several, it does not say how many
  int rank = 0;          ///< this one among them
  bool slurm_step = false;  ///< srun's own, without another launcher between

  bool several() const { return size != 1; }
  /// Whether this process speaks for all of them: the first one that knows that it is not alone.
  bool speaks() const { return rank == (size == 0 ? 1 : 0); }
};

/// The launcher whose variables are there; empty for a process that was started alone. Open MPI's own count first:
/// below its mpirun the variables of a batch system or of an outer launcher may be those of mpirun's own helpers. Of
/// the others, the one that started most. A batch script or a shell of salloc is one process, whatever
/// SLURM_NTASKS it may fill. Needs no MPI.
std::optional<Launch> find_launch();

}  // namespace tersegrad
