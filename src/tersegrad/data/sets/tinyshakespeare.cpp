// Tiny Shakespeare: a megabyte of plays, every byte a token (Karpathy 2015).
#include "tersegrad/data/readers/bytes.hpp"
#include "tersegrad/data/readers/locate.hpp"
#include "tersegrad/data/sets/token_sequences.hpp"

namespace tersegrad {
namespace {

std::unique_ptr<Dataset> make(const Arguments& arguments, const DataSource& source) {
  const TokenFormat format{"tinyshakespeare", arguments.integer("context", 1, 1 << 20), 256};
  const auto paths = find_data_files(
      source, {.dataset = format.name, .folders = {"text/tinyshakespeare"}, .files = {{"input.txt"}}});
  const auto text = open_bytes(paths.front(), download_advice(source, format.name))->read_all(max_content_bytes);
  // The first nine tenths train, as everywhere where this text is used.
  const auto cut = text.begin() + static_cast<std::ptrdiff_t>(text.size() / 10 * 9);
  const auto bytes = [](auto begin, auto end) { return std::vector{TokenPiece(std::vector<std::uint8_t>(begin, end), 1)}; };
  return make_token_dataset(format, bytes(text.begin(), cut), bytes(cut, text.end()), source);
}

const Registration<Dataset, const DataSource&> registration{
    "tinyshakespeare",
    "plays, 1.1 MB, a byte is a token (256), the last tenth for testing (launch/get-data tinyshakespeare)",
    {{"context", "128", "tokens of a row"}},
    make};

}  // namespace
}  // namespace tersegrad
