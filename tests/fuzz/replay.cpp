// A fuzz target as a test: its seeds, the files of its corpus, and mutations of both, the same ones every time.
//
// usage: fuzz_TARGET CORPUS MUTATIONS
#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "fuzz/target.hpp"
#include "tersegrad/core/random/random.hpp"

namespace {

using namespace tersegrad;
using fuzz::Bytes;

/// One to four of: a byte changed, a bit flipped, a number that is often wrong put somewhere, a run removed, repeated,
/// overwritten or taken from another input, the end cut.
Bytes mutated(Bytes bytes, const Bytes& other, Sequence& random) {
  const auto below = [&](std::size_t bound) { return static_cast<std::ptrdiff_t>(random.below(bound)); };
  for (auto times = 1 + random.below(4); times > 0; --times) {
    if (bytes.empty()) bytes.push_back(0);
    const auto begin = bytes.begin() + below(bytes.size());
    const auto room = static_cast<std::size_t>(bytes.end() - begin);
    const auto end = begin + below(std::min<std::size_t>(64, room) + 1);
    switch (random.below(8)) {
      case 0:
        *begin = static_cast<std::uint8_t>(random());
        break;
      case 1:
        *begin ^= static_cast<std::uint8_t>(1u << random.below(8));
        break;
      case 2: {
        const std::uint64_t numbers[] = {0, 1, 0x7f, 0xff, 0x7fff, 0x7fffffff, 0xffffffff, 0x7fffffffffffffff, ~0ull};
        const std::uint64_t number = numbers[random.below(std::size(numbers))];
        const std::size_t width = std::min<std::size_t>(room, std::size_t{1} << random.below(4));
        std::memcpy(&*begin, &number, width);
        break;
      }
      case 3:
        bytes.erase(begin, end);
        break;
      case 4: {
        const Bytes run(begin, end);
        bytes.insert(begin, run.begin(), run.end());
        break;
      }
      case 5:
        std::fill(begin, end, static_cast<std::uint8_t>(random.below(2) ? 0xff : 0x00));
        break;
      case 6:
        for (auto at = begin; at < end && !other.empty(); ++at) *at = other[random.below(other.size())];
        break;
      default:
        bytes.erase(begin, bytes.end());
        break;
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  long mutations = 0;
  if (argc != 3 || std::from_chars(argv[2], argv[2] + std::strlen(argv[2]), mutations).ec != std::errc()) {
    std::fprintf(stderr, "usage: %s CORPUS MUTATIONS\n", argv[0]);
    return 2;
  }
  auto inputs = fuzz::seeds();
  const std::size_t own = inputs.size();
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  fuzz::require(!inputs.empty(), "no input to start from");
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::printf("%s\n", i < own ? ("seed " + std::to_string(i)).c_str() : paths[i - own].filename().c_str());
    std::fflush(stdout);
    fuzz::one_input(inputs[i]);
  }
  for (long seed = 0; seed < mutations; ++seed) {
    Sequence random({.seed = static_cast<std::uint64_t>(seed)});
    const auto& from = inputs[random.below(inputs.size())];
    const auto& other = inputs[random.below(inputs.size())];
    const Bytes input = mutated(from, other, random);
    // Where it crashes the input is in the way of nobody but whoever looks for it.
    if (const char* keep = std::getenv("TERSEGRAD_FUZZ_KEEP")) {
      std::ofstream(keep, std::ios::binary)
          .write(reinterpret_cast<const char*>(input.data()), static_cast<std::streamsize>(input.size()));
    }
    fuzz::one_input(input);
  }
  std::printf("%zu seeds, %zu files, %ld mutations\n", own, paths.size(), mutations);
  return 0;
}
