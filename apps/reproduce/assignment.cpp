#include <algorithm>
#include <map>
#include <numeric>

#include "apps/reproduce/progress.hpp"
#include "apps/reproduce/runs.hpp"

namespace tersegrad {
std::vector<std::vector<std::size_t>> assign_runs(const std::vector<FigureRun>& runs, std::size_t groups) {
  std::vector<std::size_t> order(runs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return run_work(runs[a].config) > run_work(runs[b].config); });
  std::vector<std::vector<std::size_t>> dealt(groups);
  std::map<std::string, std::vector<double>> loads;
  for (const std::size_t i : order) {
    auto& load = loads[runs[i].config.model];
    load.resize(groups);
    const auto least = static_cast<std::size_t>(std::min_element(load.begin(), load.end()) - load.begin());
    load[least] += run_work(runs[i].config);
    dealt[least].push_back(i);
  }
  for (auto& some : dealt) std::sort(some.begin(), some.end());
  return dealt;
}

}  // namespace tersegrad
