// tersegrad theory sde: simulates a method's SDE by Euler–Maruyama and writes its moments and paths.
#include <cmath>
#include <filesystem>

#include "apps/tersegrad/theory/theory.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/system/file.hpp"
#include "tersegrad/log/hdf5/hdf5_file.hpp"
#include "tersegrad/theory/sde/euler_maruyama.hpp"
#include "tersegrad/theory/sde/process.hpp"

namespace tersegrad {
namespace {

const std::vector<std::string> methods = {
    "dsgd", "dcsgd", "dsignsgd", "sign-phase1", "sign-phase2-lower", "sign-phase2-upper", "sign-phase3"};

cxxopts::Options declare() {
  const auto text = [](const char* fallback) { return cxxopts::value<std::string>()->default_value(fallback); };
  cxxopts::Options options("tersegrad theory sde", "Simulate a method's SDE (Euler-Maruyama) on a landscape");
  add_run_options(options, join(methods));
  options.add_options("Simulation")
      ("steps", "steps k of the method that the SDE stands for: up to t = k eta", text("1000"))
      ("dt", "time step of the integration; 0: the learning rate, as the paper takes it", text("0"))
      ("replicas", "independent paths", text("1000"))
      ("x0", "start: one value for all coordinates or one for each, separated by commas; default: the landscape's own",
       cxxopts::value<std::string>())
      ("covariance", "of a sparsifier's errors: exact (Rand-k), independent, or printed (the paper's)", text("exact"))
      ("tolerance", "of psi_nu (sign-phase2)", text("0.01"))
      ("seed", "of the Brownian paths", text("1"));
  options.add_options("Records")
      ("records", "times that are recorded, beside the start", text("200"))
      ("paths", "replicas whose whole path is written", text("10"))
      ("out", "file for the records: .h5 (HDF5) or .csv; none: only the summary is printed",
       cxxopts::value<std::string>())
      ("overwrite", "replace the file if it exists");
  return options;
}

std::unique_ptr<Process> make_process(const TheoryRun& run, const ProcessSettings& settings,
                                      const std::string& covariance, double tolerance) {
  const std::vector<std::string> known = {"exact", "independent", "printed"};
  TERSEGRAD_CHECK(std::find(known.begin(), known.end(), covariance) != known.end(), "unknown covariance '", covariance,
                  "' (known: ", join(known), ")");
  if (run.method == "dsgd") return make_dsgd(settings);
  if (run.method == "dcsgd") {
    return make_dcsgd(settings, run.omega, covariance == "exact" ? Correlation::exactly_k
                                           : covariance == "printed" ? Correlation::printed : Correlation::independent);
  }
  if (run.method == "dsignsgd") return make_dsignsgd(settings);
  if (run.method == "sign-phase1") return make_sign_phase1(settings);
  if (run.method == "sign-phase2-lower") return make_sign_phase2(settings, Side::lower, tolerance);
  if (run.method == "sign-phase2-upper") return make_sign_phase2(settings, Side::upper, tolerance);
  return make_sign_phase3(settings);
}

std::vector<double> read_start(const cxxopts::ParseResult& result, const Landscape& objective) {
  auto start = objective.start();
  if (!result.count("x0")) return start;
  const Spec spec = Spec::parse("x0:" + result["x0"].as<std::string>());
  std::vector<double> values;
  for (const auto& [key, text] : spec.arguments) {
    double value = 0;
    TERSEGRAD_CHECK(key.empty() && parse_real(text, value) && std::isfinite(value), "--x0 holds '", text,
                    "', which is no number");
    values.push_back(value);
  }
  TERSEGRAD_CHECK(values.size() == 1 || values.size() == start.size(), "--x0 has ", values.size(), " values, but '",
                  objective.name(), "' has ", start.size(), " coordinates (give one value, or one for each)");
  for (std::size_t j = 0; j < start.size(); ++j) start[j] = values[values.size() == 1 ? 0 : j];
  return start;
}

/// Series of the recorded times; per-coordinate ones row by row. Moments are over the replicas that are still finite.
struct Records {
  std::size_t dim = 0, paths = 0;
  std::vector<double> step, time, loss_mean, loss_error, finite;
  std::vector<double> mean, second;  ///< [records × d]
  std::vector<double> path;          ///< [records × paths·d]

  void add(const Landscape& f, double lr, double t, std::span<const double> x) {
    std::vector<double> loss(x.size() / dim), first(dim), square(dim);
    f.values(x, loss);
    double count = 0, sum = 0;
    for (std::size_t r = 0; r < loss.size(); ++r) {
      if (!std::isfinite(loss[r])) continue;
      ++count;
      sum += loss[r];
      for (std::size_t j = 0; j < dim; ++j) {
        first[j] += x[r * dim + j];
        square[j] += x[r * dim + j] * x[r * dim + j];
      }
    }
    double spread = 0;
    for (const double value : loss) spread += std::isfinite(value) ? (value - sum / count) * (value - sum / count) : 0;
    step.push_back(t / lr);
    time.push_back(t);
    loss_mean.push_back(sum / count);
    loss_error.push_back(count > 1 ? std::sqrt(spread / (count - 1) / count) : 0);
    finite.push_back(count / static_cast<double>(loss.size()));
    for (std::size_t j = 0; j < dim; ++j) {
      mean.push_back(first[j] / count);
      second.push_back(square[j] / count);
    }
    path.insert(path.end(), x.begin(), x.begin() + static_cast<std::ptrdiff_t>(paths * dim));
  }
};

void write_hdf5(const std::filesystem::path& path, const Records& records,
                const std::vector<std::pair<std::string, LogValue>>& attributes) {
  auto file = Hdf5File::create(partial_path(path));
  for (const auto& [key, value] : attributes) file.set_attribute("/", key, value);
  const auto columns = static_cast<std::int64_t>(records.dim);
  const auto series = [&](const char* name, const std::vector<double>& values, const char* unit, const char* meaning,
                          std::int64_t width = 0) {
    file.write<double>(name, values, width);
    file.set_attribute(name, "unit", std::string(unit));
    file.set_attribute(name, "description", std::string(meaning));
  };
  series("step", records.step, "", "step k of the method, t/eta");
  series("time", records.time, "lr*step", "t");
  series("loss_mean", records.loss_mean, "", "mean of f(X_t) over the finite replicas");
  series("loss_error", records.loss_error, "", "its standard error");
  series("finite", records.finite, "", "share of the replicas that are finite");
  series("mean", records.mean, "", "mean of X_t by coordinate", columns);
  series("second_moment", records.second, "", "mean of X_t^2 by coordinate", columns);
  if (records.paths > 0)
    series("paths", records.path, "", "X_t of the first replicas, one behind the other",
           columns * static_cast<std::int64_t>(records.paths));
  file.close();
  commit_file(path);
}

void write_csv(const std::filesystem::path& path, const Records& records) {
  std::ostringstream text;
  text.precision(17);
  text << "step,time,loss_mean,loss_error,finite";
  for (std::size_t j = 0; j < records.dim; ++j) text << ",mean_" << j << ",second_moment_" << j;
  text << "\n";
  for (std::size_t i = 0; i < records.step.size(); ++i) {
    text << records.step[i] << "," << records.time[i] << "," << records.loss_mean[i] << "," << records.loss_error[i]
         << "," << records.finite[i];
    for (std::size_t j = 0; j < records.dim; ++j)
      text << "," << records.mean[i * records.dim + j] << "," << records.second[i * records.dim + j];
    text << "\n";
  }
  write_file(path, text.str());
}

int run_sde(int argc, char** argv) {
  auto options = declare();
  bool done = false;
  const auto result = parse_options(options, argc, argv, done);
  if (done) return 0;
  const auto run = read_run(result, methods, true);
  const auto steps = integer_option(result, "steps", 1, 1'000'000'000);
  const auto replicas = integer_option(result, "replicas", 1, 100'000'000);
  const auto wanted = integer_option(result, "records", 1, 1'000'000);
  const auto paths = std::min(replicas, integer_option(result, "paths", 0, 100'000));
  const auto seed = integer_option(result, "seed", 0, std::numeric_limits<std::int64_t>::max());
  const double asked = real_option(result, "dt", 0, 1e300);
  const double dt = asked > 0 ? asked : run.lr;
  const double horizon = static_cast<double>(steps) * run.lr;
  TERSEGRAD_CHECK(horizon / dt < 1e9, "t = ", horizon, " takes ", horizon / dt, " time steps of dt = ", dt,
                  " (at most 1e9; raise --dt)");
  const auto em_steps = std::max<std::int64_t>(1, std::llround(horizon / dt));

  std::filesystem::path out;
  if (result.count("out")) {
    out = result["out"].as<std::string>();
    TERSEGRAD_CHECK(out.extension() == ".h5" || out.extension() == ".csv", "--out is '", out.string(),
                    "' (must end in .h5 or .csv)");
    TERSEGRAD_CHECK(result.count("overwrite") || !std::filesystem::exists(out), "'", out.string(),
                    "' exists (add --overwrite to replace it)");
  }

  ProcessSettings settings;
  settings.layout = {run.dim, replicas};
  settings.gradient = [&f = *run.objective](std::span<const double> x, std::span<double> g) { f.gradient(x, g); };
  settings.lr = run.lr;
  settings.agents = run.agents;
  settings.batch = run.batch;
  settings.noise = run.noise;
  const auto process =
      make_process(run, settings, result["covariance"].as<std::string>(), real_option(result, "tolerance", 0, 1, true));
  const auto start = read_start(result, *run.objective);
  std::vector<double> x(static_cast<std::size_t>(settings.layout.total()));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = start[i % start.size()];

  Records records;
  records.dim = static_cast<std::size_t>(run.dim);
  records.paths = static_cast<std::size_t>(paths);
  const auto every = std::max<std::int64_t>(1, em_steps / wanted);
  EulerMaruyama(*process, dt)
      .run(
          x, em_steps, static_cast<std::uint64_t>(seed),
          [&](std::int64_t, double t, std::span<const double> now) { records.add(*run.objective, run.lr, t, now); },
          every);

  Report report;
  describe(report, run);
  report.add("dt", dt, "time step");
  report.add("replicas", static_cast<double>(replicas), "paths");
  report.add("seed", static_cast<double>(seed), "");
  if (run.method == "dcsgd")
    report.add("covariance", result["covariance"].as<std::string>(), "of the sparsifier's errors");
  report.add("finite", records.finite.back(), "share of the replicas that are still finite; moments are over them");
  if (records.finite.back() < 1)
    report.warn(concat("the SDE diverged in ", 100 * (1 - records.finite.back()), " % of the replicas"));
  if (run.joint_noise && run.method.find("sign") != std::string::npos) {
    report.warn("the signs' correlation under joint noise is left out: coordinates are treated as independent");
  }
  if (!out.empty()) report.add("out", out.string(), "");
  report.columns({"step", "t", "loss_mean", "loss_error", "mean_0", "second_moment_0"});
  const std::size_t rows = records.step.size(), shown = std::min<std::size_t>(rows, 11);
  for (std::size_t i = 0; i < shown; ++i) {
    const std::size_t at = shown == 1 ? 0 : i * (rows - 1) / (shown - 1);
    report.row({records.step[at], records.time[at], records.loss_mean[at], records.loss_error[at],
                records.mean[at * records.dim], records.second[at * records.dim]});
  }
  if (out.extension() == ".csv") write_csv(out, records);
  if (out.extension() == ".h5") {
    write_hdf5(out, records,
               {{"method", run.method},
                {"objective", run.objective->name()},
                {"noise", run.noise_name},
                {"lr", run.lr},
                {"agents", run.agents},
                {"batch", run.batch},
                {"omega", run.omega},
                {"dt", dt},
                {"replicas", replicas},
                {"seed", seed},
                {"covariance", result["covariance"].as<std::string>()}});
  }
  report.print(result.count("json") > 0);
  return 0;
}

const CatalogueEntry<TheoryCommand> registration{"sde", {"simulate a method's SDE on a landscape, to HDF5 or CSV", run_sde}};

}  // namespace
}  // namespace tersegrad
