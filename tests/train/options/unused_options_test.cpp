// Options that change nothing are refused, or said where they are harmless.
#include "tersegrad/train/options/unused_options.hpp"

#include <gtest/gtest.h>

#include "tersegrad/core/error.hpp"
#include "tersegrad/train/options/option_table.hpp"
#include "tersegrad/train/options/read_options.hpp"

namespace tersegrad {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string said_of(const Pairs& pairs) {
  OptionValues given;
  for (const auto& [option, text] : pairs) given.give(option, text);
  try {
    std::string all;
    for (const auto& remark : check_unused_options(given, read_options(given))) all += remark + "\n";
    return all;
  } catch (const Error& error) {
    return std::string("refused: ") + error.what();
  }
}

TEST(UnusedOptions, EachIsFound) {
  const std::vector<std::pair<Pairs, std::string>> cases{
      {{{"data", "x"}}, "refused: --data would change nothing: the data set is built in"},
      {{{"overwrite", "run"}}, "refused: --overwrite would change nothing: without --out nothing is written; leave it out"},
      {{{"keep", "3"}}, "refused: --keep would change nothing"},
      {{{"sampling", "iid"}, {"batch", "full"}}, "refused: --sampling would change nothing"},
      {{{"skew", "0.5"}, {"batch", "full"}}, "refused: --skew would change nothing"},
      {{{"noise-batch", "8"}}, "refused: --noise-batch would change nothing"},
      {{{"eval-every", "5"}, {"sde", "1"}}, "refused: --eval-every would change nothing"},
      {{{"noise-report", "5"}, {"sde", "1"}}, "refused: --noise-report would change nothing"},
      {{{"nonfinite", "keep"}, {"sde", "1"}}, "refused: --nonfinite would change nothing"},
      {{{"exchange", "sharded"}, {"sde", "1"}}, "--exchange changes nothing: --sde exchanges no messages\n"},
      {{{"bucket", "512"}, {"sde", "1"}}, "--bucket changes nothing"},
      {{{"verify", "off"}, {"sde", "1"}}, "--verify changes nothing"},
      {{{"overlap", "1"}, {"exchange", "mpi-allreduce"}}, "--overlap changes nothing"},
      {{{"log", "console,csv,hdf5"}}, "refused: --log names csv, hdf5, which would change nothing: without --out nothing is written"}};
  std::size_t rules = 0;
  for (const Option& option : train_options()) rules += option.unused.size();
  EXPECT_EQ(rules, cases.size()) << "a rule without a case here";
  for (const auto& [pairs, expected] : cases) EXPECT_TRUE(said_of(pairs).starts_with(expected)) << said_of(pairs);
}

TEST(UnusedOptions, DefaultsThatAreGivenAndOptionsThatAreUsedAreNot) {
  EXPECT_EQ(said_of({}), "");
  EXPECT_EQ(said_of({{"keep", "2"}, {"noise-batch", "1"}, {"exchange", "server"}, {"sde", "1"}, {"log", "console"}}), "");
  EXPECT_EQ(said_of({{"out", "x"}, {"overwrite", "run"}, {"keep", "3"}, {"checkpoint-every", "5"}, {"log", "csv"}}), "");
}

}  // namespace
}  // namespace tersegrad
