// A world of ranks that are threads of this process: protocols run without a launcher, under a sanitizer, on any number of
// ranks, with sends that complete late and ranks that are slow at random.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tersegrad/comm/mpi/communicator.hpp"

namespace tersegrad::testing {

/// When a send is complete.
enum class Sends {
  eager,        ///< once it is copied, as MPI does with short messages where it has room
  synchronous,  ///< once its receive has matched it, as MPI may with any: who relies on more ends in a deadlock here
};

struct InProcessOptions {
  int ranks = 1;
  Sends sends = Sends::eager;
  /// Not 0: the seed of the moments in which ranks give way or sleep for up to 0.2 ms, a stream for each rank.
  std::uint64_t schedule = 0;
  int ranks_per_node = 0;  ///< 0: all ranks share one
  /// May change what a message says on its way. Called in the sender's thread.
  std::function<void(int from, int to, int tag, std::vector<std::byte>& bytes)> wire = {};
  /// A job in which nothing changes for so long ends, as soon as a rank looks.
  double patience_s = 300;
};

/// How a job ended.
struct InProcessEnd {
  /// Of each rank: the text of what it threw; empty if `body` returned.
  std::vector<std::string> errors;
  std::size_t unreceived = 0;  ///< messages that nobody received
  bool all_returned() const;
};

/// Runs `body` on every rank, each in a thread of its own, until all have ended.
///
/// Semantics are MPI's: messages between two ranks with one tag keep their order, a receive into a place that is too
/// short is an error, collective calls pair up by their order. Beyond MPI's: collective calls that differ between ranks,
/// and a synchronous send whose memory changes before it is complete, are errors that say so. Sums are formed in
/// rank order. A rank touches no memory but its own: what one that fails has unwound is never read.
///
/// A rank that throws ends the job, as MPI_Abort would: every other rank's next call throws "rank R: …". One that throws a
/// CollectiveError ends alone, because the others throw it too.
///
/// A deadlock ends the job with a line that names who waits for what: nothing has changed for a second, in which every
/// rank that has not ended has looked a thousand times. A rank that computes meanwhile is none.
InProcessEnd run_in_process(const InProcessOptions& options, const std::function<void(const Communicator&)>& body);

}  // namespace tersegrad::testing
