// Which vectors the kernels use on this machine.
#pragma once

#include <string>

namespace tersegrad::kernels {

/// The name of the instruction set that run-time dispatch chooses, "AVX3_ZEN4"; the kernels give the same bits on all.
std::string instruction_set();

}  // namespace tersegrad::kernels
