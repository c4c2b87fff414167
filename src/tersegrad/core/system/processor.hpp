// The processor that this process runs on, and how its floating-point unit is set.
#pragma once

#include <string>

namespace tersegrad {

/// The kind: name, and where the name leaves it open, family and model ("AMD EPYC 7763 64-Core Processor, family 25,
/// model 1"). Two of one kind have the same instructions and the same approximations.
std::string processor_kind();

/// Sets this thread to what the C standard calls the default environment: round to nearest, subnormal numbers kept
/// (flush-to-zero and denormals-are-zero off), no traps. A library that was compiled with -ffast-math, preloaded or
/// loaded on demand, sets flush-to-zero for the thread that loads it, and so for all that this one starts.
void use_default_float_environment();

}  // namespace tersegrad
