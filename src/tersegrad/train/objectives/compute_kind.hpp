// What decides the last bits of what a rank computes, beside the program and its input.
#pragma once

#include <string>

#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/log/value.hpp"

namespace tersegrad {

/// Of one rank, or, joined, of all: "A" where all are alike, else "A (ranks 0, 2-3), B (rank 1)".
struct ComputeKind {
  std::string processor;           ///< processor_kind()
  std::string libtorch;            ///< version
  std::string libtorch_capability; ///< instructions that LibTorch's own kernels use, "AVX2" (ATEN_CPU_CAPABILITY)
  std::string onednn_isa;          ///< that oneDNN may use (ONEDNN_MAX_CPU_ISA, DNNL_MAX_CPU_ISA)
  std::string blas;                ///< the kernels that the BLAS chose (OPENBLAS_CORETYPE, MKL_CBWR)
  std::string kernels;             ///< this program's own vectors; they give the same bits on all

  /// As attributes of a run's log and keys of its summary.
  LogFields fields() const;
  /// What bits depend on, "processor AMD EPYC, LibTorch 1.13.1 AVX2, oneDNN AVX2, BLAS Haswell".
  std::string text() const;
};

/// Of this rank. After prepare_compute().
ComputeKind this_compute_kind();

/// All ranks' kinds, and how they differ. The same on every rank.
struct ComputeKinds {
  ComputeKind all;
  /// "" where they are alike; else each kind's ranks, with what differs only.
  std::string differences;
};

/// Collective.
ComputeKinds gather_compute_kinds(const Communicator& comm, const ComputeKind& mine);

}  // namespace tersegrad
