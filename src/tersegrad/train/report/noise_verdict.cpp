#include "tersegrad/train/report/noise_verdict.hpp"

#include <algorithm>
#include <cmath>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/terminal/table.hpp"
#include "tersegrad/core/text/text.hpp"

namespace tersegrad {
namespace {

std::string number(double value) { return format_number(value, 3); }

std::string interval(double low, double high, double lowest = 0) {
  return (low <= lowest ? "below " : number(low) + " to ") + number(high);
}

std::string percent(double share) { return format_number(100 * share, 3) + " %"; }

std::string measured_table(const NoiseMeasurement& m) {
  TextTable table({"gradient noise", "estimate", "95 % interval"});
  const std::string range = std::isinf(m.tail.nu_low) ? "lighter than "
                                                        "Gaussian" : interval(m.tail.nu_low, m.tail.nu_high);
  table.add({"tail index ν (inf: Gaussian)", m.tail.nu_low == 0 ? "≤ " + number(m.tail.nu) : number(m.tail.nu), range});
  table.add(
      {"scale σ at batch 1, geometric mean over coordinates", number(m.sigma), interval(m.sigma_low, m.sigma_high)});
  table.add({"Tr Σ at batch 1, mean over agents (sample)", number(m.trace), "-"});
  table.add({"signal-to-noise |Y| = √B |∂f|/σ, median", number(m.snr_median), "-"});
  table.add({"  what no signal at all would show", number(m.snr_floor), "-"});
  table.add({concat("phase 1 of DSignSGD, |Y| > ψ = ", number(m.psi)), percent(m.phase1), "-"});
  table.add({"phase 2, 1 ≤ |Y| ≤ ψ", percent(m.phase2), "-"});
  table.add({"phase 3, |Y| < 1", percent(m.phase3), "-"});
  return table.str();
}

/// ν decides which stationary laws exist.
std::string tail_sentence(const NoiseMeasurement& m) {
  const auto& tail = m.tail;
  if (tail.nu_high <= 1) {
    return "ν ≤ 1: this noise has no mean. No result of the paper covers DSGD or unbiased compressors here (they "
           "diverge at ν = 1, "
           "Fig. 5); DSignSGD's laws hold for every ν (Cor. C.10, Prop. C.16).";
  }
  if (tail.nu_high <= 2) {
    return "ν ≤ 2: this noise has no variance, so the bounds and stationary laws of DSGD and of unbiased "
           "compressors (Thms. 3.3, 3.7, "
           "Prop. B.13) do not apply and no finite ω is affordable; DSignSGD's laws hold for every ν (Cor. C.10, "
           "Prop. C.16).";
  }
  if (tail.nu_low <= 2) {
    return "The interval of ν holds 2: these draws do not tell whether this noise has a variance, which DSGD and "
           "unbiased compressors "
           "need (Thms. 3.3, 3.7) and DSignSGD does not (Cor. C.10). Sign compression is the choice that either "
           "answer allows.";
  }
  return "ν > 2: this noise has a variance, so unbiased compressors and sign compression both have a stationary "
         "law; the first's "
         "asymptotic loss grows as σ² (Thm. 3.7), sign's as σ in phase 3 (Thm. 3.12).";
}

std::string phase_sentence(const NoiseMeasurement& m) {
  const double most = std::max({m.phase1, m.phase2, m.phase3});
  std::string text = most == m.phase3   ? "Most coordinates are in phase 3: noise outweighs the gradient, and a "
                                          "sign carries its size "
                                          "in expectation (drift −ℓ_ν Y)."
                     : most == m.phase1 ? "Most coordinates are in phase 1: the gradient outweighs noise, and "
                                          "signs are all but certain "
                                          "(drift −sign ∇f, its length the learning rate's)."
                                        : "Most coordinates are in phase 2, between signal and noise (bounds of "
                                          "Thm. 3.12, phase 2).";
  if (m.snr_median < 2 * m.snr_floor) {
    text += " The median signal-to-noise is within twice of what no signal would show: take it as an upper limit.";
  }
  return text;
}

/// Theorem 3.7 for equal agents: loss ∝ (1 + ω)/Δ, Δ = 1 − ηL²ω/(2µN).
std::string omega_sentence(const RunResult& r) {
  const double lr = r.config.lr;
  const auto agents = static_cast<double>(r.agents);
  std::string text = concat(
      "Unbiased compression (Thm. 3.7, equal agents): while Δ = 1 − ηL²ω/(2µN) is near 1, the asymptotic loss is "
      "(1 + ω) times that "
      "without compression, at the same lr, batch and N. ω ≤ 1 (Rand-k with k ≥ d/2) at most doubles it; to keep "
      "it, divide lr by 1 + ω "
      "or multiply agents or batch by it (Table 1). Δ > 0 at lr ", number(lr), " and N = ", r.agents, " needs ω < ",
      number(2 * agents / lr), " µ/L²; L and µ are not measured.");
  if (r.omega > 0) {
    text += concat("\n- This run's ", r.compressor, " has ω = ", number(r.omega), ": a loss ", number(1 + r.omega),
                   " times the uncompressed, and Δ > 0 only if L²/µ < ", number(2 * agents / (lr * r.omega)), ".");
  }
  return text;
}

std::string caveats(const RunResult& r) {
  std::string text = "At this x and split only.";
  if (r.noise_measured.irregular > 0.01) {
    text += " Left-out coordinates with equal draws (exact zeros that few rows leave) may have heavier tails than the "
            "fit says.";
  }
  if (r.config.batch > 0) {
    text += " A finite data set bounds every mini-batch gradient, so its variance exists: ν tells how its tails "
            "look over these draws, "
            "not beyond them.";
  }
  text += " The model: each agent's coordinate has a scale of its own, all the same ν; the intervals allow for "
          "dependence within a "
          "mini-batch, not for a law that is no t.";
  if (r.config.momentum > 0 || r.config.schedule != "constant" || r.config.warmup > 0) {
    text += " The paper's results are for a constant learning rate without momentum.";
  }
  if (r.config.skew > 0) text += " With skewed shards the agents' own gradients differ, and Y compares the mean "
                                 "gradient with each one's noise.";
  return text;
}

}  // namespace

std::string noise_verdict(const RunResult& r) {
  if (r.noise_reports == 0) return "";
  const auto& m = r.noise_measured;
  std::string text =
      concat("Noise report at step ", m.step, " (the last of ", r.noise_reports, "): ", m.draws,
             r.config.batch > 0 ? concat(" mini-batches of ", r.config.batch,
                                         " "
                                         "rows")
                                : std::string(" draws"),
             " from each of ", r.agents, " agents, ", m.coordinates, " of ", r.parameters, " coordinates\n");
  if (m.still > 0 || m.irregular > 0) {
    text += concat("left out below: ", percent(m.still), " of the coordinates without noise, ", percent(m.irregular),
                   " with equal or non-finite draws (no continuous law)\n");
  }
  if (std::isnan(m.tail.nu)) return text + "Too few coordinates have noise of a continuous law: nothing was fitted.\n";
  text += measured_table(m) + "What the paper's results say of it:\n";
  text += "- " + tail_sentence(m) + "\n- " + phase_sentence(m) + "\n";
  if (m.tail.nu_high > 2) text += "- " + omega_sentence(r) + "\n";
  return text + "- " + caveats(r) + "\n";
}

}  // namespace tersegrad
