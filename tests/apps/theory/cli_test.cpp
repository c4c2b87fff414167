// tersegrad theory and tersegrad scale as a user or a script meets them: numbers, files, refusals.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "tersegrad/core/system/file.hpp"
#include "tersegrad/log/hdf5/hdf5_file.hpp"
#include "tersegrad/theory/laws/scaling.hpp"
#include "tersegrad/theory/laws/stationary.hpp"
#include "tersegrad/theory/student/student_constants.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Outcome {
  int status = 0;
  std::string out, err;
};

/// A folder of this process that goes away with it.
const std::filesystem::path& scratch() {
  struct Folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("tersegrad-theory-" + std::to_string(::getpid()));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
  };
  static const Folder folder;
  return folder.path;
}

Outcome run(const std::string& arguments) {
  const auto err = scratch() / "err";
  const std::string command = std::string(TERSEGRAD_PROGRAM) + " " + arguments + " 2>" + err.string();
  Outcome outcome;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  char chunk[4096];
  for (std::size_t got; (got = std::fread(chunk, 1, sizeof chunk, pipe)) > 0;) outcome.out.append(chunk, got);
  const int status = ::pclose(pipe);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  outcome.err = read_file(err);
  return outcome;
}

nlohmann::json json_of(const std::string& arguments) {
  const auto outcome = run(arguments + " --json");
  EXPECT_EQ(outcome.status, 0) << arguments << "\n" << outcome.err;
  return outcome.status == 0 ? nlohmann::json::parse(outcome.out) : nlohmann::json();
}

TEST(TheoryCommand, PrintsConstants) {
  const auto c = student_constants(2.5);
  const auto printed = json_of("theory constants --nu 2.5");
  EXPECT_EQ(printed["ell"].get<double>(), c.ell);
  EXPECT_EQ(printed["psi"].get<double>(), c.psi);
  EXPECT_EQ(printed["q1"].get<double>(), c.intercept1);
  EXPECT_EQ(json_of("theory constants --nu inf")["nu"], "inf");
  EXPECT_EQ(json_of("theory constants --nu 1")["variance"], "inf");
  EXPECT_NE(run("theory constants --nu 1").out.find("0.63662"), std::string::npos);  // 2/π
}

TEST(TheoryCommand, PrintsBounds) {
  const auto b = json_of(
      "theory bound --method dcsgd --objective quadratic:1x100 --lr 0.01 --agents 12 --compressor randk:2 "
      "--noise gaussian:0.1 --steps 2000 --points 5");  // F.6
  const double delta = 1 - 0.01 * 49 / 24;
  EXPECT_NEAR(b["delta"].get<double>(), delta, 1e-12);
  EXPECT_NEAR(b["limit"].get<double>(), 0.01 * (1 + 49) / (4 * 12 * delta), 1e-12);
  EXPECT_EQ(b["table"].size(), 5u);
  EXPECT_NEAR(b["table"][4]["loss_bound"].get<double>(), b["limit"].get<double>(), 1e-9);
  // The same by its constants, without a landscape.
  const auto c = json_of(
      "theory bound --method dcsgd --dim 100 --smoothness 1 --mu 1 --gap 50 --lr 0.01 --agents 12 --omega 49 "
      "--noise gaussian:0.1 --steps 2000 --points 5");
  EXPECT_EQ(c["table"], b["table"]);
  // Non-convex: without µ the gradient alone is bounded.
  const auto g = json_of(
      "theory bound --method dsgd --dim 10 --smoothness 2 --gap 3 --lr 0.1 --agents 4 --noise gaussian:1 "
      "--steps 1000 --points 2");
  EXPECT_NEAR(g["table"][1]["gradient_bound"].get<double>(), 3.0 / 100 + 0.1 * 2 * 10 / 8, 1e-12);
  EXPECT_FALSE(g["table"][1].contains("loss_bound"));
  EXPECT_FALSE(
      json_of("theory bound --method dcsgd --objective quadratic:100x128 --lr 0.01 --agents 1 --compressor randk:1")
          ["warnings"]
              .empty());
  EXPECT_EQ(json_of("theory bound --method dsignsgd --objective quadratic:2,2 --noise student:1:0.1")["table"].size(),
            11u);
}

TEST(TheoryCommand, PrintsStationaryLaws) {
  const auto s = json_of(
      "theory stationary --method dcsgd --objective quadratic:2,1x9 --lr 0.01 --agents 10 --compressor randk:3 --noise "
      "gaussian:0.1");
  const QuadraticSettings q{{2, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 0.01, 10, 1, NoiseScales(infinity, 0.1)};
  ASSERT_EQ(s["table"].size(), 2u);  // equal coordinates share a row
  EXPECT_NEAR(s["table"][0]["variance_sde"].get<double>() / dcsgd_law(q, 7.0 / 3).stationary(0), 1, 1e-12);
  EXPECT_NEAR(s["table"][1]["variance_exact"].get<double>() / dcsgd_recursion(q, 7.0 / 3).stationary(9), 1, 1e-12);
  const auto sign = json_of(
      "theory stationary --method dsignsgd --objective quadratic:2 --lr 0.001 --agents 10 --noise "
      "gaussian:0.1:growth=1 --steps 50");
  EXPECT_NEAR(sign["table"][0]["exact/sde"].get<double>(), 1, 0.02);
  EXPECT_GT(sign["loss_exact_at_step"].get<double>(), sign["loss_exact"].get<double>());
}

TEST(TheoryCommand, SimulatesToHdf5AndCsv) {
  const auto h5 = scratch() / "sde.h5", csv = scratch() / "sde.csv";
  const std::string base =
      "theory sde --method dcsgd --objective quadratic:2,1 --lr 0.1 --agents 2 --compressor randk:1 --noise "
      "gaussian:0.5 "
      "--steps 40 --replicas 4000 --records 20 --paths 3 --x0 1,-1 --out ";
  const auto printed = json_of(base + h5.string());
  auto file = Hdf5File::open(h5);
  EXPECT_EQ(file.shape("mean").rows, 21);
  EXPECT_EQ(file.shape("mean").columns, 2);
  EXPECT_EQ(file.shape("paths").columns, 6);
  const auto step = file.read<double>("step"), second = file.read<double>("second_moment"),
             path = file.read<double>("paths");
  EXPECT_EQ(path[0], 1);
  EXPECT_EQ(path[1], -1);
  EXPECT_NEAR(step.back(), 40, 1e-9);
  const QuadraticSettings q{{2, 1}, 0.1, 2, 1, NoiseScales(infinity, 0.5)};
  const auto recursion = dcsgd_recursion(q, 1);  // Δt = η: Euler–Maruyama's own moments
  for (std::size_t j = 0; j < 2;
       ++j) {  // a Gaussian's E x⁴ ≤ 3(E x²)², with room for the multiplicative noise's fatter tail
    const double truth = recursion.second(j, 1, 40);
    EXPECT_NEAR(second[20 * 2 + j], truth, 5.5 * truth * std::sqrt(4.0 / 4000));
  }
  EXPECT_EQ(run(base + h5.string()).status, 1);  // not over an old file
  EXPECT_EQ(run(base + h5.string() + " --overwrite").status, 0);
  EXPECT_EQ(run(base + csv.string()).status, 0);
  EXPECT_EQ(read_file(csv).substr(0, 10), "step,time,");
  EXPECT_EQ(run(base + (scratch() / "sde.txt").string()).status, 1);
  for (const auto* method :
       {"dsgd", "dsignsgd", "sign-phase1", "sign-phase2-lower", "sign-phase2-upper", "sign-phase3"}) {
    EXPECT_EQ(json_of(std::string("theory sde --objective quadratic:5,5 --noise gaussian:0.01 --lr 0.001 --steps 20 "
                                  "--replicas 10 --method ") +
                      method)["finite"],
              1)
        << method;
  }
}

TEST(TheoryCommand, ADivergingSdeIsAResult) {
  const auto outcome =
      run("theory sde --method dcsgd --objective quadratic:100x8 --lr 0.02 --agents 1 --compressor randk:1 --noise "
          "gaussian:1 --steps 3000 --replicas 50");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_NE(outcome.err.find("diverged"), std::string::npos);
}

TEST(ScaleCommand, SolvesForTheLearningRateByDefault) {
  const auto s = json_of("scale --method dsignsgd --lr 0.001 --batch 64 --agents 4 --new-agents 16");  // design.md's
  EXPECT_NEAR(s["answer"].get<double>(), 0.004, 1e-15);
  EXPECT_EQ(s["solved"], "lr");
  EXPECT_EQ(s["warnings"].size(), 1u);  // N is small
  EXPECT_NEAR(
      json_of("scale --method dsgd --lr 0.1 --batch 64 --agents 4 --new-compressor randk:0.25")["answer"].get<double>(),
      0.025, 1e-15);
  EXPECT_NEAR(json_of("scale --method dsgd --lr 0.1 --batch 64 --agents 4 --new-batch 128")["answer"].get<double>(),
              0.2, 1e-15);
  EXPECT_TRUE(json_of("scale --method dsgd --lr 0.1 --batch 64 --agents 4 --new-batch 128")["warnings"]
                  .empty());  // exact for any N
}

TEST(ScaleCommand, SolvesForTheRest) {
  const std::string base = "scale --method dsgd --lr 0.1 --batch 64 --agents 20 ";
  EXPECT_EQ(json_of(base + "--new-lr 0.2 --new-batch 64")["solved"], "agents");
  EXPECT_EQ(json_of(base + "--new-lr 0.2 --new-agents 20")["solved"], "batch");
  const auto compressor =
      json_of(base + "--new-lr 0.05 --new-batch 64 --new-agents 40");  // what compression is affordable
  EXPECT_EQ(compressor["solved"], "compressor");
  EXPECT_NEAR(compressor["answer"].get<double>(), 3, 1e-12);
  EXPECT_EQ(compressor["new_compressor"], "randk:0.25");
  const auto agents = json_of(base + "--new-omega 9 --solve agents");
  EXPECT_NEAR(agents["answer"].get<double>(), 200, 1e-9);
  EXPECT_NE(agents["row"].get<std::string>().find("row 1"), std::string::npos);
  const auto all = json_of(base + "--new-lr 0.05 --new-batch 64 --new-agents 40 --new-omega 1");
  EXPECT_FALSE(all.contains("answer"));
  EXPECT_NEAR(all["loss_ratio"].get<double>(), 0.5, 1e-12);
  // Whole numbers, rounded to the side of the lower loss.
  const auto rounded = json_of(base + "--new-lr 0.11 --new-batch 64");
  EXPECT_NEAR(rounded["answer"].get<double>(), 22, 1e-9);
  EXPECT_EQ(rounded["table"][2]["new"], 22);
  EXPECT_LT(json_of(base + "--new-lr 0.112 --new-batch 64")["loss_ratio"].get<double>(), 1);
}

TEST(ScaleCommand, SolvesTheDefiningEquation) {
  const CompressedRule rule(3, 0.5);
  const auto s =
      json_of("scale --method dsgd --lr 0.1 --batch 64 --agents 4 --new-omega 9 --solve agents --exact -L 3 --mu 0.5");
  EXPECT_NEAR(s["answer"].get<double>(), rule.solve({0.1, 64, 4, 0}, {0.1, 64, 4, 9}, Quantity::agents), 1e-9);
  EXPECT_NEAR(s["many_agents"].get<double>(), 40, 1e-9);
  EXPECT_FALSE(s["warnings"].empty());  // 20 % apart
  const SignRule sign(3, 1.3, 0.7, 0.49);
  const auto t = json_of(
      "scale --method dsignsgd --lr 0.05 --batch 4 --agents 3 --new-batch 16 --exact --nu 3 --sigma 0.7 --mu 1.3");
  EXPECT_NEAR(t["answer"].get<double>(), sign.solve({0.05, 4, 3, 0}, {0.05, 16, 3, 0}, Quantity::lr), 1e-12);
  // Beyond the bound (Δ ≤ 0) the form for N ≫ 1 still answers, and says so.
  const auto beyond =
      json_of("scale --method dcsgd --lr 1 --batch 4 --agents 1 --omega 5 --new-omega 7 --smoothness 3 --mu 1");
  EXPECT_GE(beyond["warnings"].size(), 2u);
  EXPECT_LT(beyond["delta"].get<double>(), 0);
}

TEST(Commands, RefuseInOneLine) {
  for (const auto* arguments :
       {"theory constants",
        "theory constants --nu 0",
        "theory constants --nu -1",
        "theory constants --nu x",
        "theory constants --nu inf --tolerance 0.9",
        "theory nonsense",
        "theory bound --method dsgd",
        "theory bound --method sgd --objective quadratic:1",
        "theory bound --method dsgd --objective rosenbrock",
        "theory bound --method dsgd --objective quadratic:1,-1",
        "theory bound --method dsgd --objective quadratic:1 --noise student:2:1",
        "theory bound --method dsgd --objective quadratic:1 --noise gaussian:-1",
        "theory bound --method dsgd --objective quadratic:1 --lr 0",
        "theory bound --method dcsgd --objective quadratic:1,1",
        "theory bound --method dcsgd --objective quadratic:1,1 --compressor sign",
        "theory bound --method dsgd --objective quadratic:1,1 --omega 1",
        "theory bound --method dsignsgd --objective quadratic:1 --noise none",
        "theory stationary --method dsgd --objective saddle",
        "theory stationary --method dsgd --objective quadratic:1,0",
        "theory sde --method dsgd --objective quadratic:1 --dt -1",
        "theory sde --method dsgd --objective quadratic:1,1 --x0 1,2,3",
        "theory sde --method dcsgd --objective quadratic:1,1 --omega 3",
        "theory sde --method dcsgd --objective quadratic:1,1 --omega 1 --covariance x",
        "scale",
        "scale --method dsgd --lr 0.1 --batch 1",
        "scale --method dsgd --lr 0.1 --batch 1 --agents 4",
        "scale --method dsgd --lr 0.1 --batch 1 --agents 4 --new-lr 0.2",  // two unknowns left
        "scale --method dsgd --lr 0.1 --batch 1 --agents 4 --new-lr 0.2 --new-omega 3",
        "scale --method dsgd --lr 0.1 --batch 1 --agents 4 --new-lr 0.2 --solve lr",
        "scale --method dsgd --lr 0.1 --batch 1 --agents 4 --new-lr 0.2 --solve k",
        "scale --method dsignsgd --lr 0.1 --batch 1 --agents 4 --new-omega 3",
        "scale --method dsignsgd --lr 0.1 --batch 1 --agents 4 --new-batch 2 --exact",
        "scale --method dcsgd --lr 0.1 --batch 1 --agents 4 --new-omega 3",
        "scale --method dcsgd --lr 0.1 --batch 1 --agents 4 --omega 1 --new-compressor randk:10",
        "scale --method dcsgd --lr 0.1 --batch 1 --agents 4 --omega 1 --new-omega 2 --exact --smoothness 1 --mu 2",
        "scale --method dsgd --lr 0.1 --batch 64 --agents 4 --new-lr 0.2 --new-batch 64 --new-agents 1"}) {
    const auto outcome = run(arguments);
    EXPECT_NE(outcome.status, 0) << arguments;
    EXPECT_EQ(outcome.out, "") << arguments;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << arguments << "\n" << outcome.err;
    EXPECT_EQ(outcome.err.substr(0, 11), "tersegrad: ") << arguments;
  }
}

}  // namespace
}  // namespace tersegrad
