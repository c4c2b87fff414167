// What is known of a compressor: by theory, and by whoever has to decide what may carry it.
#pragma once

#include <cstdint>

namespace tersegrad {

/// Facts about a compressor C for one replica of d coordinates; the conformance suite verifies them over the registry.
struct Traits {
  enum class Kind {
    unbiased,     ///< E C(v) = v, E‖C(v) − v‖² ≤ constant·‖v‖²; constant = ω
    contractive,  ///< E‖C(v) − v‖² ≤ (1 − constant)·‖v‖²; constant = δ
    biased,       ///< neither (sign); constant unused
  };
  /// What the SDEs, bounds and laws of theory/ can stand for.
  enum class Family {
    other,           ///< an unbiased one: by its ω alone; else nothing
    sign,            ///< C(v) = sign(v), and the mean of signs comes back: DSignSGD (Eq. 10)
    exactly_k,       ///< k coordinates drawn without replacement, alike on all agents: Rand-k
    majority,        ///< the sign of the sum of signs
  };

  Kind kind = Kind::biased;
  double constant = 0;
  Family family = Family::other;
  bool averaged = true;  ///< what comes back is the mean of the agents' C(g_i); false: something else (a majority)
  /// Relative unit round-off of the values on the wire: 0 for fp32, 2^-11 for fp16, 2^-8 for bf16. Kind and constant are
  /// C's before that rounding, of a contractive one after it.
  double wire_roundoff = 0;
  /// A payload is the bucket's fp32 values and nothing else, and the aggregate their mean: an all-reduce may carry it.
  bool dense_fp32 = false;
  /// A bucket cannot be encoded before the whole gradient is known (Top-k, norms): Encoder::begin_step receives it.
  bool whole_gradient = false;
  /// Buckets begin at multiples of so many coordinates, itself a multiple of 128.
  std::int64_t bucket_unit = 128;

  /// Whether E C(v) = v holds to the last bit of the wire too.
  bool is_unbiased() const { return kind == Kind::unbiased && wire_roundoff == 0; }
  /// The factor a with which a·C is contractive, 0 if there is none: what error feedback sends. An unbiased C becomes
  /// contractive with δ = 1/(1 + ω) by a = 1/(1 + ω) (Richtárik et al. 2021, EF21, Section 1.2); Rand-k then no longer
  /// scales. Without that factor the memory of Rand-k with k < d/2 grows without bound.
  double feedback_scale() const {
    return kind == Kind::unbiased ? 1 / (1 + constant) : kind == Kind::contractive ? 1 : 0;
  }
};

}  // namespace tersegrad
