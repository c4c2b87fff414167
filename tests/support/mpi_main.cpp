// The main of multi-rank tests: GoogleTest on every rank of MPI_COMM_WORLD, one verdict.
//
// Rank 0 prints as usual, the others only their failures, each with its rank. The verdict is taken over all ranks:
// rank 0 ends with "tests PASSED" or "tests FAILED", which is what CTest looks for; no test run at all is FAILED.
#include <gtest/gtest.h>
#include <mpi.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <sstream>
#include <string>
#include <vector>

namespace {

/// Prints this rank's failures and ends the job at a fatal one.
///
/// A rank that leaves a test early (ASSERT_, an exception) would leave the others inside the test's next collective
/// operation for ever.
class RankListener final : public testing::EmptyTestEventListener {
 public:
  RankListener(MPI_Comm comm, int rank) : comm_(comm), rank_(rank) {}

  void OnTestStart(const testing::TestInfo& test) override {
    test_ = test.test_suite_name();  // piecewise: GCC 12 sees an overflow in a sum of strings that is none
    test_ += '.';
    test_ += test.name();
  }

  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    if (rank_ != 0) print(result);
    if (!result.fatally_failed()) return;
    std::fflush(stdout);
    std::fprintf(stderr, "[rank %d] fatal failure in %s: the job ends here\ntests FAILED\n", rank_, test_.c_str());
    std::fflush(stderr);
    MPI_Abort(MPI_COMM_WORLD, 1);
  }

  /// The ranks enter each test together, on a communicator that no test uses.
  void OnTestEnd(const testing::TestInfo&) override { MPI_Barrier(comm_); }

 private:
  void print(const testing::TestPartResult& result) const {
    std::ostringstream text;
    text << "[rank " << rank_ << "] " << test_ << " at " << (result.file_name() ? result.file_name() : "unknown file")
         << ":" << result.line_number() << "\n";
    std::istringstream lines(result.message());
    for (std::string line; std::getline(lines, line);) text << "[rank " << rank_ << "]   " << line << "\n";
    std::fputs(text.str().c_str(), stderr);
    std::fflush(stderr);
  }

  MPI_Comm comm_;
  int rank_;
  std::string test_ = "no test";
};

/// Rank 0 keeps GoogleTest's printer and writes its XML or JSON report; the others would repeat both.
void configure(MPI_Comm comm, int rank) {
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  if (rank != 0) {
    delete listeners.Release(listeners.default_result_printer());
    testing::GTEST_FLAG(output) = "";
  }
  listeners.Append(new RankListener(comm, rank));
  // Under mpirun standard output is always a pseudo-terminal; launch/local says whether a person watches.
  const char* progress = std::getenv("TERSEGRAD_PROGRESS");
  const bool sparse = progress && std::string(progress) == "sparse";
  if (sparse && testing::GTEST_FLAG(color) == "auto") testing::GTEST_FLAG(color) = "no";
  // --gtest_shuffle seeds itself from the clock: another order on each rank would be a deadlock.
  int seed = testing::GTEST_FLAG(random_seed);
  if (seed == 0) seed = 1 + static_cast<int>(std::time(nullptr) % 99999);
  MPI_Bcast(&seed, 1, MPI_INT, 0, comm);
  testing::GTEST_FLAG(random_seed) = seed;
}

/// Gathers every rank's status and prints the verdict. \return the exit status, the same on every rank
int conclude(MPI_Comm comm, int rank, int ranks, bool failed) {
  const int mine = failed ? 1 : 0;
  std::vector<int> all(static_cast<std::size_t>(ranks), 0);
  MPI_Allgather(&mine, 1, MPI_INT, all.data(), 1, MPI_INT, comm);
  std::string where;
  for (int other = 0; other < ranks; ++other) {
    if (all[static_cast<std::size_t>(other)]) where += " " + std::to_string(other);
  }
  if (rank == 0) {
    if (where.empty()) {
      std::printf("tests PASSED on %d rank(s)\n", ranks);
    } else {
      std::printf("tests FAILED on rank(s)%s of %d\n", where.c_str(), ranks);
    }
    std::fflush(stdout);
  }
  return where.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
  testing::InitGoogleTest(&argc, argv);
  MPI_Comm comm = MPI_COMM_NULL;
  MPI_Comm_dup(MPI_COMM_WORLD, &comm);
  int rank = 0;
  int ranks = 0;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);

  int status = 0;
  if (testing::GTEST_FLAG(list_tests)) {
    if (rank == 0) status = RUN_ALL_TESTS();
  } else {
    configure(comm, rank);
    try {
      status = RUN_ALL_TESTS();
    } catch (const std::exception& error) {  // with --gtest_catch_exceptions=0
      std::fprintf(stderr, "[rank %d] exception: %s\ntests FAILED\n", rank, error.what());
      MPI_Abort(MPI_COMM_WORLD, 1);
    }
    const bool none = testing::UnitTest::GetInstance()->test_to_run_count() == 0;
    if (none && rank == 0) std::printf("no test ran\n");
    status = conclude(comm, rank, ranks, status != 0 || none);
  }
  MPI_Comm_free(&comm);
  MPI_Finalize();
  return status;
}
