// What has to be right before MPI starts: the launcher, and settings that Open MPI reads from the environment.
#pragma once

#include <optional>
#include <string>

#include "tersegrad/core/system/launcher.hpp"

namespace tersegrad {

/// False where Open MPI would end the process as it starts: in a step of Slurm's srun without PMIx, unless it was built
/// with Slurm's older interfaces. Other launchers that it does not know it passes over, and is alone.
bool mpi_can_join(const Launch& launch);

/// One line's text: launched as N, MPI sees 1, what would do.
std::string unknown_to_mpi(const Launch& launch);

/// Prints the line, "tersegrad: …", where this process speaks for all; another one leaves it the time to.
/// \return the exit status, 1
int refuse_start(const std::optional<Launch>& launch, const std::string& what);

/// Sets what Open MPI reads as it starts. What a user has set stands, and other libraries ignore it.
void prepare_start();
/// Gives the variables back that prepare_start hid.
void end_start();

}  // namespace tersegrad
