// A figure of the paper as code: the runs it takes, the panels it draws, the claims it makes.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apps/reproduce/claim.hpp"
#include "tersegrad/core/catalogue.hpp"
#include "tersegrad/train/options/config.hpp"

namespace tersegrad {

/// paper: Appendix F's settings to the letter; quick: at most five minutes on two cores.
enum class Scale { quick, paper };

/// One run of a figure, by a name that is unique in it (also the name of its folder).
struct FigureRun {
  std::string name;
  TrainConfig config;
};

/// A line of a panel. Colour follows `group` (curves of one group share it; "follows" is green and "breaks" red, the
/// paper's convention), the dash pattern `style`.
struct Curve {
  std::string label;  ///< empty: not in the legend
  std::vector<double> x, y;
  std::vector<double> error;   ///< half the width of a band around y; empty: none
  std::string style = "line";  ///< line (a measurement), dashed, dotted (predictions), points
  std::string group;
};

/// A box of a box plot.
struct Box {
  std::string label;
  std::vector<double> values;
  std::string group;
};

struct Panel {
  std::string title, x_label, y_label;
  bool log_x = false, log_y = false;
  std::vector<Curve> curves;
  std::vector<Box> boxes;
};

/// The series of a finished run as its figure reads them.
class RunRecord {
 public:
  explicit RunRecord(const std::filesystem::path& folder);
  const std::vector<double>& series(const std::string& name) const;
  bool has(const std::string& name) const { return series_.count(name) > 0; }
  /// Iterations k at which the records were taken: x_k, before step k + 1.
  const std::vector<double>& iteration() const { return iteration_; }
  bool diverged() const { return diverged_; }
  double final_loss() const { return series("loss").back(); }
  /// Standard error of the loss over replicas (0 for one).
  std::vector<double> loss_error() const;
  double replicas() const { return replicas_; }

 private:
  std::map<std::string, std::vector<double>> series_;
  std::vector<double> iteration_;
  bool diverged_ = false;
  double replicas_ = 1;
};

/// What a figure says when its runs are done; rank 0 only.
class FigureReport {
 public:
  explicit FigureReport(std::filesystem::path folder) : folder_(std::move(folder)) {}
  /// A run of the figure by its name. \throws Error if there is none
  const RunRecord& run(const std::string& name);
  Panel& add_panel(const std::string& title, const std::string& x_label, const std::string& y_label);
  void claim(Claim claim) { claims_.push_back(std::move(claim)); }

  const std::vector<std::unique_ptr<Panel>>& panels() const { return panels_; }
  const std::vector<Claim>& claims() const { return claims_; }

 private:
  std::filesystem::path folder_;
  std::map<std::string, RunRecord> runs_;
  std::vector<std::unique_ptr<Panel>> panels_;
  std::vector<Claim> claims_;
};

/// One figure; its file registers it.
struct Figure {
  static constexpr const char* family = "figure";
  std::string title;                             ///< "Figure 9: stationary laws of DCSGD and DSignSGD"
  std::string caption;                           ///< what was chosen where Appendix F is silent
  std::function<std::string(Scale)> scale_note;  ///< what quick cuts; "" for the paper's own settings
  std::function<std::vector<FigureRun>(Scale)> runs;
  std::function<void(Scale, FigureReport&)> report;
};
using Figures = Catalogue<Figure>;

/// What all configurations of figures have in common: the full gradient, with injected noise where `noise` names one; an
/// exchange that leaves no rank without agents, as figures run on as many ranks as there are cores; about 200 records.
TrainConfig figure_config(const std::string& model, const std::string& dataset, const std::string& compressor, const std::string& noise,
                          std::int64_t agents, double lr, std::int64_t steps);

/// A configuration for a landscape: full gradient with injected noise, agents on whatever ranks there are.
TrainConfig landscape_config(const std::string& landscape, const std::string& compressor, const std::string& noise,
                             std::int64_t agents, double lr, std::int64_t steps, std::int64_t replicas);

/// A curve of a run's series against the iteration.
Curve curve_of(const RunRecord& run, const std::string& series, const std::string& label, const std::string& group);
/// The run's loss with its standard error.
Curve loss_curve(const RunRecord& run, const std::string& label, const std::string& group);
/// A function of the iteration at a run's records, dashed.
Curve prediction(const RunRecord& run, const std::function<double(double k)>& f, const std::string& label,
                 const std::string& group);

/// Mean of a series' records from iteration `from` on.
double mean_from(const RunRecord& run, const std::string& series, double from);

/// Mean loss from iteration `from` on with its standard error: the loss decorrelates over `memory` steps, and each
/// record's mean over replicas has the standard deviation loss_sd/√R.
Estimate late_level(const RunRecord& run, double from, double memory);

/// Largest loss of the last half over its median: how far a run is from stationary.
double peak_to_median(const RunRecord& run);

/// Slope of log y against log x by least squares, with its standard error from the standard errors of log y
/// (`relative_error`, one for each point).
struct Slope {
  double value = 0, error = 0;
};
Slope log_slope(const std::vector<double>& x, const std::vector<double>& y, const std::vector<double>& relative_error);

}  // namespace tersegrad
