// A user's own text: token shards of any tokenizer.
#include "tersegrad/core/error.hpp"
#include "tersegrad/data/readers/token_files.hpp"
#include "tersegrad/data/readers/token_shard.hpp"
#include "tersegrad/data/sets/token_sequences.hpp"

namespace tersegrad {
namespace {

namespace fs = std::filesystem;

/// At most three of them, and how many more there are.
std::string shortened(const std::vector<std::string>& left_out) {
  std::vector<std::string> some(
      left_out.begin(), left_out.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(left_out.size(), 3)));
  if (left_out.size() > some.size()) some.push_back(concat("and ", left_out.size() - some.size(), " more"));
  return join(some);
}

/// Both splits from one folder: DIR/tokens if it holds shards, else DIR.
TokenFiles find_splits(const DataSource& source) {
  fs::path folder = source.folder / "tokens";
  TokenFiles files = find_token_files(folder);
  if (files.train.empty() && files.test.empty()) {
    auto others = find_token_files(folder = source.folder);
    others.left_out.insert(others.left_out.begin(), files.left_out.begin(), files.left_out.end());
    files = std::move(others);
  }
  const std::string left_out = files.left_out.empty() ? "" : concat("; left out: ", shortened(files.left_out));
  const auto require = [&](const std::vector<fs::path>& shards, const char* split, const char* words) {
    TERSEGRAD_CHECK(!shards.empty(), "data set 'tokens' has no ", split, " shard in '", folder.string(), "'",
                    folder == source.folder ? concat(" or '", (folder / "tokens").string(), "'") : "",
                    " (a file *.bin or *.bin.gz with the word ", words, " in its name)", left_out,
                    "; give --data the folder of the token shards");
  };
  require(files.train, "training", "train");
  require(files.test, "test", "val or test");
  if (!files.left_out.empty() && source.remark) {
    source.remark(concat("of '", folder.string(), "' left out: ", shortened(files.left_out)));
  }
  return files;
}

TokenText open_split(const std::vector<fs::path>& paths, TokenLayout layout, std::int64_t vocabulary) {
  std::vector<TokenPiece> pieces;
  for (const auto& path : paths) pieces.push_back(open_token_shard(path, layout, vocabulary));
  return pieces;
}

std::unique_ptr<Dataset> make(const Arguments& arguments, const DataSource& source) {
  const TokenFormat format{"tokens", arguments.integer("context", 1, 1 << 20), arguments.integer("vocab", 1, 1 << 24)};
  const TokenLayout layout = parse_token_layout(arguments.one_of("format", {"shard", "uint16", "uint32"}));
  const TokenFiles files = find_splits(source);
  auto train = open_split(files.train, layout, format.vocabulary);
  return make_token_dataset(format, std::move(train), open_split(files.test, layout, format.vocabulary), source);
}

const Registration<Dataset, const DataSource&> registration{
    "tokens",
    "your own text: token shards with the word train, and val or test, in their names (fineweb_train_000.bin, "
    "val.bin.gz), "
    "as llm.c writes them",
    {{"context", "1024", "tokens of a row"},
     {"vocab", "50257", "different tokens (GPT-2's)"},
     {"format", "shard", "shard: llm.c's, with a header; uint16, uint32: raw ids, as nanoGPT's train.bin and val.bin"}},
    make};

}  // namespace
}  // namespace tersegrad
