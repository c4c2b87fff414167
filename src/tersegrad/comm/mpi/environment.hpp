// Starting and ending MPI: the only place with the order that matters when a rank fails.
#pragma once

#include <functional>
#include <string>

namespace tersegrad {

class Communicator;

/// Starts MPI, runs `body` on every rank and ends MPI. Called once, from a subcommand. Collective.
///
/// Refused, with status 1 and without `body`: one of several processes of which MPI knows nothing, whatever launched
/// them (find_launch): each would be a run of its own. The first of them says so; and what cannot be started at all
/// for want of file handles. The limit of handles is raised as far as the system lets it.
///
/// - `body` returns: MPI is finalised, the status returned.
/// - CollectiveError (every rank threw it together): rank 0 prints its text, all return 1.
/// - PeerError (a message from another rank is wrong, which several ranks may see): rank 0 prints its line and aborts
///   the job at once; another rank, whose exchange has told rank 0, does so if it still lives after 3 s.
/// - any other exception: this rank alone failed; it prints one line naming itself and aborts the job, because the
///   others sit in a collective that will never complete (status exit_failed_rank).
int run_with_mpi(int* argc, char*** argv, const std::function<int(Communicator&)>& body);

/// The exit status of a job in which one rank failed while the others went on: EX_SOFTWARE of sysexits.h.
inline constexpr int exit_failed_rank = 70;

/// Prints one line that names this rank and its host and ends the job on all ranks. Also from another thread.
[[noreturn]] void end_job(int rank, int size, const std::string& what);

}  // namespace tersegrad
