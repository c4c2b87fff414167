#include "tersegrad/core/kernels/instruction_set.hpp"

#include <hwy/targets.h>

#include <cstdint>

namespace tersegrad::kernels {

std::string instruction_set() {
  const std::int64_t targets = hwy::SupportedTargets();
  return hwy::TargetName(targets & -targets);  // the lowest bit is the best
}

}  // namespace tersegrad::kernels
