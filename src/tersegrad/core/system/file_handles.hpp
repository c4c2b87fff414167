// How many files this process may have open at once.
#pragma once

namespace tersegrad {

/// Raises the soft limit (ulimit -S -n) as far as the hard one lets it, to 65,536 at most: a shell's usual 1,024, or
/// less, is there for programs that use select().
/// \return how many files may be open now
int raise_file_handles();

/// What MPI, the data and the log need at least: with fewer, Open MPI 4.1 fails as it starts, or stands still.
constexpr int least_file_handles(int ranks) { return 32 + (ranks < 1 ? 1 : ranks); }

}  // namespace tersegrad
