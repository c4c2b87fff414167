// tersegrad scale: which hyperparameters keep a run's asymptotic loss when others change.
#include <cmath>
#include <limits>

#include "apps/tersegrad/theory/theory.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/theory/laws/scaling.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

cxxopts::Options declare() {
  const auto text = [] { return cxxopts::value<std::string>(); };
  cxxopts::Options options("tersegrad scale",
                           "Scale hyperparameters so that the asymptotic loss stays that of the base run\n"
                           "What is neither named by --new-... nor solved for stays as it is. The learning rate is "
                           "solved for unless --new-lr gives it;\n"
                           "then the batch or the agents, whichever is not named (if neither is: say --solve), then "
                           "the compressor. With all named the\n"
                           "change of the asymptotic loss is printed.\n");
  options.add_options("Base run")
      ("method", "dsgd, dcsgd or dsignsgd", text())
      ("lr", "learning rate", text())
      ("batch", "batch of an agent", text())
      ("agents", "number of agents", text())
      ("compressor", "dcsgd: none, randk:FRACTION, with --dim any unbiased one", text())
      ("omega", "dcsgd: its variance factor instead", text())
      ("dim", "number of parameters, for randk:COUNT", text());
  options.add_options("New run")
      ("new-lr", "", text())("new-batch", "", text())("new-agents", "", text())
      ("new-compressor", "dsgd (to recover it with compression) or dcsgd", text())
      ("new-omega", "its variance factor instead", text())
      ("solve", "lr, batch, agents or compressor: what to solve for", text());
  options.add_options("Exact rule")
      ("exact", "solve the defining equation (73) or (157) rather than its form for N >> 1: needs --smoothness and "
                "--mu, or --nu, --sigma and --mu (L_sigma and L_tau cancel)")
      ("L,smoothness", "L (dsgd, dcsgd)", text())
      ("mu", "mu", text())
      ("rho", "mean omega_i L_sigma,i over (mean omega)(mean L_sigma): 1 for equal agents", text()->default_value("1"))
      ("nu", "noise: degrees of freedom, inf is Gaussian (dsignsgd)", text())
      ("sigma", "noise scale at batch 1 (dsignsgd)", text());
  options.add_options("Output")("json", "as JSON")("h,help", "this text");
  return options;
}

/// Reads --compressor/--omega (prefix "") or the new ones (prefix "new-"). \return false if neither is given
bool read_omega(const cxxopts::ParseResult& result, const std::string& prefix, double& omega) {
  const bool spelled = result.count(prefix + "compressor") > 0, number = result.count(prefix + "omega") > 0;
  TERSEGRAD_CHECK(!(spelled && number), "--", prefix, "omega and --", prefix,
                  "compressor are two ways to say one thing (give one)");
  if (number) omega = real_option(result, prefix + "omega", 0, 1e300);
  const std::int64_t dim = result.count("dim") ? integer_option(result, "dim", 1, std::int64_t{1} << 48) : 0;
  if (spelled) omega = compressor_omega(result[prefix + "compressor"].as<std::string>(), dim);
  return spelled || number;
}

struct Question {
  std::string method;
  Hyperparameters base, wanted;
  bool solves = true;
  Quantity unknown = Quantity::lr;
};

const char* option_name(Quantity quantity) {
  switch (quantity) {
    case Quantity::lr: return "lr";
    case Quantity::batch: return "batch";
    case Quantity::agents: return "agents";
    case Quantity::omega: break;
  }
  return "compressor";
}

/// What is asked for: see the help text.
Question read_question(const cxxopts::ParseResult& result) {
  Question q;
  TERSEGRAD_CHECK(result.count("method"), "--method is missing (one of: dsgd, dcsgd, dsignsgd)");
  q.method = result["method"].as<std::string>();
  TERSEGRAD_CHECK(q.method == "dsgd" || q.method == "dcsgd" || q.method == "dsignsgd", "unknown method '", q.method,
                  "' (known: dsgd, dcsgd, dsignsgd)");
  for (const char* name : {"lr", "batch", "agents"})
    TERSEGRAD_CHECK(result.count(name), "--", name, " of the base run is missing");
  q.base.lr = real_option(result, "lr", 0, 1e300, true);
  q.base.batch = real_option(result, "batch", 0, 1e300, true);
  q.base.agents = static_cast<double>(integer_option(result, "agents", 1, 1 << 24));
  const bool compressed = read_omega(result, "", q.base.omega);
  TERSEGRAD_CHECK(compressed == (q.method == "dcsgd"),
                  compressed ? "method '" : "method 'dcsgd' needs --compressor or --omega of the base run",
                  compressed ? q.method + "' takes no --compressor or --omega (dcsgd does)" : std::string());

  q.wanted = q.base;
  std::vector<Quantity> named;
  const auto name = [&](Quantity quantity, double value) {
    set_quantity(q.wanted, quantity, value);
    named.push_back(quantity);
  };
  if (result.count("new-lr")) name(Quantity::lr, real_option(result, "new-lr", 0, 1e300, true));
  if (result.count("new-batch")) name(Quantity::batch, real_option(result, "new-batch", 0, 1e300, true));
  if (result.count("new-agents"))
    name(Quantity::agents, static_cast<double>(integer_option(result, "new-agents", 1, 1 << 24)));
  double omega = 0;
  const bool sign = q.method == "dsignsgd";
  if (read_omega(result, "new-", omega)) {
    TERSEGRAD_CHECK(
        !sign,
        "method 'dsignsgd' takes no --new-compressor or --new-omega (its rule trades learning rate, batch and agents)");
    name(Quantity::omega, omega);
  }
  TERSEGRAD_CHECK(
      !named.empty(),
      "nothing changes (name at least one of --new-lr, --new-batch, --new-agents, --new-compressor, --new-omega)");

  const auto is_named = [&](Quantity quantity) {
    return std::find(named.begin(), named.end(), quantity) != named.end();
  };
  if (result.count("solve")) {
    const auto& text = result["solve"].as<std::string>();
    for (const Quantity quantity : {Quantity::lr, Quantity::batch, Quantity::agents, Quantity::omega}) {
      if (text != option_name(quantity)) continue;
      TERSEGRAD_CHECK(!is_named(quantity), "--solve ", text, " contradicts --new-", text, " (give one)");
      q.unknown = quantity;
      return q;
    }
    throw Error(concat("--solve is '", text, "' (known: lr, batch, agents, compressor)"));
  }
  const auto unknown = quantity_to_solve(named, sign);
  q.solves = unknown.has_value();
  q.unknown = unknown.value_or(Quantity::lr);
  return q;
}

/// The exact rule if its constants are given; null if none is. \throws Error if --exact lacks some
std::unique_ptr<ScalingRule> exact_rule(const cxxopts::ParseResult& result, const std::string& method) {
  const bool sign = method == "dsignsgd";
  const std::vector<std::string> needed =
      sign ? std::vector<std::string>{"nu", "sigma", "mu"} : std::vector<std::string>{"smoothness", "mu"};
  std::vector<std::string> missing;
  for (const auto& name : needed) {
    if (!result.count(name)) missing.push_back("--" + name);
  }
  TERSEGRAD_CHECK(missing.empty() || !result.count("exact"), "--exact needs ", join(missing, ", "), " for ", method);
  if (!missing.empty()) return nullptr;
  const double mu = real_option(result, "mu", 0, 1e300, true);
  if (!sign)
    return std::make_unique<CompressedRule>(real_option(result, "smoothness", 0, 1e150, true), mu,
                                            real_option(result, "rho", 0, 1e300));
  const double sigma = real_option(result, "sigma", 0, 1e150, true);
  return std::make_unique<SignRule>(real_option(result, "nu", 0, infinity, true), mu, sigma, sigma * sigma);
}

/// An answer by the other rule, or why there is none.
struct SecondOpinion {
  bool found = false;
  double value = 0;
  std::string why_not;
};

SecondOpinion ask(const ScalingRule& rule, const Question& q) {
  try {
    return {true, rule.solve(q.base, q.wanted, q.unknown), ""};
  } catch (const Error& error) {
    return {false, 0, error.what()};
  }
}

/// Outside what is the rule valid: Δ ≤ 0 (if the constants are known), or N not large (if they are not).
void warn_of_limits(Report& report, const Question& q, const ScalingRule* exact) {
  if (exact) {
    for (const auto& [run, values] : {std::pair{"base", q.base}, std::pair{"new", q.wanted}}) {
      const double delta = exact->contraction(values);
      if (delta <= 0)
        report.warn(concat("Delta = ", format_number(delta), " of the ", run,
                           " run is not positive: it may diverge (Theorem 3.7)"));
    }
    return;
  }
  const bool sign = q.method == "dsignsgd";
  const double fewest = std::min(q.base.agents, q.wanted.agents);
  if (fewest < 10 && (sign || q.base.omega > 0 || q.wanted.omega > 0)) {
    report.warn(concat("the rule is for N >> 1 and N is ", format_number(fewest), ": its error is of the order of ",
                       sign ? "eta l_nu sqrt(B) mu/(2 N sigma) (give --nu, --sigma and --mu to see the exact rule)"
                            : "omega eta L^2/(2 mu N) (give --smoothness and --mu to see the exact rule)"));
  }
}

void tabulate(Report& report, const Question& q) {
  report.columns({"", "base", "new", "ratio"});
  report.row({"learning rate", q.base.lr, q.wanted.lr, q.wanted.lr / q.base.lr});
  report.row({"batch", q.base.batch, q.wanted.batch, q.wanted.batch / q.base.batch});
  report.row({"agents", q.base.agents, q.wanted.agents, q.wanted.agents / q.base.agents});
  if (q.method == "dsignsgd") return;
  report.row({"omega", q.base.omega, q.wanted.omega,
              q.base.omega > 0 ? Report::Value(q.wanted.omega / q.base.omega) : Report::Value("")});
}

int run(int argc, char** argv) {
  auto options = declare();
  bool done = false;
  const auto result = parse_options(options, argc, argv, done);
  if (done) return 0;
  auto q = read_question(result);
  const auto exact = exact_rule(result, q.method);
  const bool sign = q.method == "dsignsgd";
  std::unique_ptr<ScalingRule> simple;
  if (sign) {
    simple = std::make_unique<SignRule>();
  } else {
    simple = std::make_unique<CompressedRule>(CompressedRule::many_agents(real_option(result, "rho", 0, 1e300)));
  }
  const bool by_equation = result.count("exact") > 0;
  const ScalingRule& rule = by_equation ? *exact : *simple;

  Report report;
  double answer = 0;
  SecondOpinion other;
  if (q.solves) {
    answer = rule.solve(q.base, q.wanted, q.unknown);
    if (exact) other = ask(by_equation ? *simple : *exact, q);
    set_quantity(q.wanted, q.unknown, answer);
  }
  const bool plain = !sign && q.base.omega == 0 && q.wanted.omega == 0;
  report.add("method", q.method, !sign && q.method == "dsgd" && !plain ? "base run; the new run is dcsgd" : "");
  report.add("rule", plain ? std::string("kappa / (alpha delta) = 1, for any N (Proposition 3.5)") : rule.text(), "");
  if (sign && by_equation)
    report.add("row", "Proposition C.15, solved for the " + std::string(quantity_name(q.unknown)), "");
  if (!sign && !plain)
    report.add("row",
               compressed_rule_row(q.base, q.wanted, q.unknown) + (by_equation ? "; exactly: Proposition B.12" : ""),
               "");
  if (q.solves) {
    const double whole = runnable(q.unknown, answer);
    report.add("solved", std::string(option_name(q.unknown)), "");
    report.add("answer", answer,
               concat("the new ", quantity_name(q.unknown),
                      answer == whole ? "" : "; the table has it rounded up to what can be run"));
    if (q.unknown == Quantity::omega)
      report.add("new_compressor", concat("randk:", format_number(1 / (1 + answer), 6)),
                 "Rand-k with that omega: k/d = 1/(1 + omega)");
    if (other.found)
      report.add(by_equation ? "many_agents" : "exact", other.value,
                 by_equation ? "by the form for N >> 1" : "by the defining equation");
    if (exact && !other.found)
      report.warn((by_equation ? "the form for N >> 1: " : "the defining equation: ") + other.why_not);
    if (other.found && std::abs(answer / other.value - 1) > 0.1) {
      report.warn(concat("the form for N >> 1 and the defining equation differ by ",
                         format_number(100 * std::abs(answer / other.value - 1), 2), " %: N is not large here",
                         by_equation ? "" : ", prefer --exact"));
    }
    warn_of_limits(report, q, exact.get());
    set_quantity(q.wanted, q.unknown, whole);
  } else {
    warn_of_limits(report, q, exact.get());
  }
  report.add("loss_ratio", rule.floor(q.wanted) / rule.floor(q.base),
             "asymptotic loss of the new run over the base's, by this rule");
  if (exact && !sign)
    report.add("delta", exact->contraction(q.wanted), "Delta of the new run (Theorem 3.7), must be positive");
  tabulate(report, q);
  report.print(result.count("json") > 0);
  return 0;
}

const CatalogueEntry<Command> registration{"scale", {"hyperparameters that keep the loss when others change", run, false, true}};

}  // namespace
}  // namespace tersegrad
