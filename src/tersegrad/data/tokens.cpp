// A user's own text: token shards of any tokenizer.
#include <algorithm>

#include "tersegrad/core/error.hpp"
#include "tersegrad/data/token_sequences.hpp"
#include "tersegrad/data/token_shard.hpp"

namespace tersegrad {
namespace {

namespace fs = std::filesystem;

/// The shards of a split: *.bin files whose names hold `word`, in the order of their names.
std::vector<fs::path> shards_in(const fs::path& folder, const std::string& word) {
  std::vector<fs::path> shards;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() == ".bin" && name.find(word) != std::string::npos) shards.push_back(entry.path());
  }
  std::sort(shards.begin(), shards.end());
  return shards;
}

std::vector<std::uint32_t> read_split(const DataSource& source, const std::string& word, std::int64_t vocabulary) {
  auto paths = shards_in(source.folder / "tokens", word);
  if (paths.empty()) paths = shards_in(source.folder, word);
  TERSEGRAD_CHECK(!paths.empty(), "data set 'tokens' has no file '*", word, "*.bin' in '",
                  (source.folder / "tokens").string(), "' or '", source.folder.string(),
                  "'; give --data the folder of the token shards");
  std::vector<std::uint32_t> tokens;
  for (const auto& path : paths) {
    const auto shard = read_token_shard(*open_bytes(path, ""), vocabulary);
    tokens.insert(tokens.end(), shard.begin(), shard.end());
  }
  return tokens;
}

std::unique_ptr<Dataset> make(const Arguments& arguments, const DataSource& source) {
  const TokenFormat format{"tokens", arguments.integer("context", 1, 1 << 20), arguments.integer("vocab", 1, 1 << 24)};
  auto train = read_split(source, "train", format.vocabulary);
  return make_token_dataset(format, std::move(train), read_split(source, "val", format.vocabulary), source);
}

const Registration<Dataset, const DataSource&> registration{
    "tokens",
    "your own text: token shards *train*.bin and *val*.bin in --data, as llm.c writes them",
    {{"context", "1024", "tokens of a row"}, {"vocab", "50257", "different tokens (GPT-2's)"}},
    make};

}  // namespace
}  // namespace tersegrad
