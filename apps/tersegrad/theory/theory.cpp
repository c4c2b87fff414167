// tersegrad theory: dispatches to constants, bound, stationary and sde.
#include "apps/tersegrad/theory/theory.hpp"

#include <iostream>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/theory/student/student_constants.hpp"

namespace tersegrad {

namespace {

int run_constants(int argc, char** argv) {
  cxxopts::Options options("tersegrad theory constants",
                           "Student's t constants of DSignSGD's phases (Proposition C.11)");
  options.add_options()
      ("nu", "degrees of freedom of the noise, above 0; inf: Gaussian", cxxopts::value<std::string>())
      ("tolerance", "what counts as a certain sign: 1 - 2 Xi(psi)",
       cxxopts::value<std::string>()->default_value("0.01"))
      ("json", "as JSON")
      ("h,help", "this text");
  bool done = false;
  const auto result = parse_options(options, argc, argv, done);
  if (done) return 0;
  TERSEGRAD_CHECK(result.count("nu"), "--nu is missing (degrees of freedom of the noise, e.g. --nu 3, --nu inf)");
  double nu = 0;
  const auto& text = result["nu"].as<std::string>();
  TERSEGRAD_CHECK(parse_real(text, nu) && nu > 0, "--nu is '", text,
                  "' (degrees of freedom must be a number above 0, or inf)");
  const auto c = student_constants(nu, real_option(result, "tolerance", 0, 1, true));
  Report report;
  report.add("nu", c.nu, "degrees of freedom");
  report.add("ell", c.ell, "l_nu = 2 Xi'(0), the drift's slope in phase 3 (|Y| < 1)");
  report.add("psi", c.psi, "psi_nu, beyond which a sign is certain up to the tolerance (phase 1)");
  report.add("tolerance", c.tolerance, "1 - 2 Xi(psi)");
  report.add("m", c.slope, "m_nu, slope of the secant of 2 Xi through 1 and psi (phase 2)");
  report.add("q1", c.intercept1, "q_nu,1, the secant's intercept; the bounds use it");
  report.add("q2", c.intercept2, "q_nu,2, the intercept of the tangent of that slope; the paper prints max(q1, q2)");
  report.add("two_xi_at_1", c.at_one, "2 Xi(1), slope of the chord that makes phase 3 a bound of the full SDE");
  report.add("variance", student_variance(nu), "variance of the noise at scale 1; inf: DSGD and DCSGD have no SDE");
  report.print(result.count("json") > 0);
  return 0;
}

void print_help(std::ostream& out) {
  out << "The paper's predictions: constants, bounds, stationary laws and SDEs\n\nusage: tersegrad theory <what> "
         "[options]; "
         "tersegrad theory <what> --help\n\n";
  print_members<TheoryCommand>(out);
}

int run(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  if (name.empty() || name == "--help" || name == "-h") {
    print_help(name.empty() ? std::cerr : std::cout);
    return name.empty() ? 2 : 0;
  }
  return TheoryCommands::instance().at(name).run(argc - 1, argv + 1);
}

const CatalogueEntry<TheoryCommand> constants{"constants", {"Student's t constants of DSignSGD's phases", run_constants}};
const CatalogueEntry<Command> registration{"theory", {"the paper's predictions: constants, bounds, stationary laws, SDEs",
    run, false, true}};

}  // namespace
}  // namespace tersegrad
