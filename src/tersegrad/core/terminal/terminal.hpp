// The terminal that standard output reaches, if any.
#pragma once

#include <cstddef>
#include <limits>

namespace tersegrad {

/// The width of a file: nothing has to fit.
inline constexpr std::size_t any_width = std::numeric_limits<std::size_t>::max();

/// Whether standard output reaches a terminal. Open MPI gives its processes a pseudo-terminal wherever its own output
/// goes, so under a launcher the launcher's output counts: TERSEGRAD_PROGRESS=live|sparse says it (launch/local sets
/// it), else the parent process (mpirun, for ranks on its own machine) is looked at.
bool output_on_terminal();

/// Columns that a line on standard output may have: TERSEGRAD_COLUMNS (launch/local sets it for its ranks; 0:
/// any_width); else, on a terminal, COLUMNS, the terminal's own width, or 80; any_width where it goes to a file or a
/// pipe.
std::size_t output_columns();

}  // namespace tersegrad
