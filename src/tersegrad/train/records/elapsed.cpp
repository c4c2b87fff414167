#include "tersegrad/train/records/elapsed.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace tersegrad {
namespace {

std::array<double*, 6> fields(Elapsed& e) {
  return {&e.wall_s, &e.steps_s, &e.parts.compute, &e.parts.compress, &e.parts.exchange, &e.parts.apply};
}

}  // namespace

Elapsed& Elapsed::operator+=(const Elapsed& other) {
  wall_s += other.wall_s;
  steps_s += other.steps_s;
  parts += other.parts;
  return *this;
}

void mean_over_hosts(const Communicator& comm, const AgentMap& map, std::span<Elapsed> elapsed) {
  if (!map.is_host(comm.rank())) std::fill(elapsed.begin(), elapsed.end(), Elapsed());
  std::vector<double> sums;
  for (auto& one : elapsed) {
    for (const double* field : fields(one)) sums.push_back(*field);
  }
  comm.sum(sums);
  const double* next = sums.data();
  for (auto& one : elapsed) {
    for (double* field : fields(one)) *field = *next++ / static_cast<double>(map.hosts());
  }
}

}  // namespace tersegrad
