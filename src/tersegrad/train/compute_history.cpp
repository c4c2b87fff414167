#include "tersegrad/train/compute_history.hpp"

#include <algorithm>
#include <cstdio>

#include "tersegrad/core/error.hpp"
#include "tersegrad/train/checkpoint/resumption.hpp"
#include "tersegrad/train/objectives/compute_kind.hpp"

namespace tersegrad {

std::string compare_compute(const Communicator& comm, RunParts& parts, RunResult& result, const CheckpointFile* start) {
  const ComputeKinds kinds = gather_compute_kinds(comm, this_compute_kind());
  result.compute = kinds.all;
  if (comm.rank() != 0) return kinds.differences;
  if (!kinds.differences.empty()) {
    std::fprintf(stderr,
                 "tersegrad: ranks compute on different kinds of processors or libraries (%s): the last bits depend on "
                 "which of them hosts an agent\n",
                 kinds.differences.c_str());
  }
  const std::string now = kinds.all.text(), past = start != nullptr ? compute_history_of(start->view) : "";
  parts.compute_history = past.empty() ? now : past;
  const std::string last = past.substr(past.rfind('\n') + 1);  // npos + 1 = 0: the whole
  if (!past.empty() && last != now) {
    parts.compute_history += '\n' + now;
    std::fprintf(stderr,
                 "tersegrad: the run was computed on %s, and goes on with %s: the last bits are not those of a run on one "
                 "kind\n",
                 last.c_str(), now.c_str());
  }
  const auto earlier = parts.compute_history.rfind('\n');
  if (earlier == std::string::npos) return kinds.differences;
  result.earlier_compute = parts.compute_history.substr(0, earlier);
  std::replace(result.earlier_compute.begin(), result.earlier_compute.end(), '\n', '|');
  return kinds.differences;
}

}  // namespace tersegrad
