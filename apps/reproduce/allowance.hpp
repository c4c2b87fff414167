// What the theory of an SDE leaves out of the algorithm's discrete steps, from the theory itself: allowances of claims.
#pragma once

#include <cstdint>

#include "tersegrad/theory/bounds/bounds.hpp"
#include "tersegrad/theory/laws/stationary.hpp"

namespace tersegrad {

/// |E x² by Euler–Maruyama with Δt = η over E x² by the law − 1| after k steps: the O(η) that discrete steps add to a
/// linear SDE's second moment (ηλ/2 of the stationary one to first order). Taken from the law that is judged, so a law
/// that is wrong by a factor is not excused by it.
double step_allowance(const MomentLaw& law, std::size_t j, double start, double lr, std::int64_t k);
/// The same of the stationary moment.
double step_allowance(const MomentLaw& law, std::size_t j, double lr);

/// The same of a bound on the loss, S' = −rate·S + source, at which steps contract x by 1 − η·decay:
/// S_{k+1} = (1 − η·rate + (η·decay)²)·S_k + η·source. \param decay µ for DCSGD, ℓµ/σ for DSignSGD, 1/time
double step_allowance(const Relaxation& bound, double decay, double lr, std::int64_t k);

/// Relative error of DSignSGD's phase-3 second moments from 2Ξ_ν(y) ≈ ℓ_ν·y, to first order: 2Ξ_ν(y) =
/// ℓ_ν·y(1 − c·y² + …), c = (ν + 1)/(6ν), so the rate loses the share c·E Y⁴/E Y² — E Y² ≤ y_0² of the decaying part,
/// 3·E Y² of the Gaussian stationary one: c(y_0² + 3·Var Y) in all.
/// \param start y_0   \param variance stationary Var Y
double curvature_allowance(double nu, double start, double variance);

}  // namespace tersegrad
