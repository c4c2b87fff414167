#include "tersegrad/train/records/noise_measurement.hpp"

namespace tersegrad {

std::vector<SeriesInfo> NoiseMeasurement::columns() {
  return {{"noise_nu", "", "tail index of the agents' gradient noise, before the update (inf: Gaussian)"},
          {"noise_nu_low", "", "lower end of its 95 % interval"},
          {"noise_nu_high", "", "upper end of its 95 % interval"},
          {"noise_sigma", "", "scale of the noise at batch 1, geometric mean over agents and coordinates"},
          {"noise_sigma_low", "", "lower end of its 95 % interval"},
          {"noise_sigma_high", "", "upper end of its 95 % interval"},
          {"noise_trace", "", "mean over agents of the trace of the noise covariance at batch 1 (sample estimate)"},
          {"snr_median", "", "median over agents and coordinates of |Y| = sqrt(B) |df/dx_j| / sigma_ij"},
          {"snr_floor", "", "the median |Y| that a gradient of zero would show"},
          {"phase1_share", "", "share of coordinates with |Y| > psi_nu (DSignSGD's phase 1)"},
          {"phase2_share", "", "share of coordinates with 1 <= |Y| <= psi_nu (phase 2)"},
          {"phase3_share", "", "share of coordinates with |Y| < 1 (phase 3)"},
          {"still_share", "", "share of coordinates without noise, left out"},
          {"irregular_share", "", "share of coordinates with equal or non-finite draws, left out"}};
}

std::vector<double> NoiseMeasurement::values() const {
  return {tail.nu, tail.nu_low, tail.nu_high, sigma,  sigma_low, sigma_high, trace,
          snr_median, snr_floor, phase1, phase2, phase3, still, irregular};
}

}  // namespace tersegrad
