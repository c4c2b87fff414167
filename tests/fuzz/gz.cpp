// gz streams: what they hold is read to its end, in pieces of a size that the first byte chooses.
#include <algorithm>
#include <numeric>

#include "fuzz/files.hpp"

namespace tersegrad::fuzz {

void one_input(std::span<const std::uint8_t> input) {
  Reader reader(input);
  const std::size_t piece = 1 + std::size_t{reader.byte()} * 37;
  Bytes file{0x1f, 0x8b};  // else it is not gz
  file.insert(file.end(), reader.rest().begin(), reader.rest().end());
  constexpr std::size_t most = std::size_t{1} << 17;
  Bytes in_pieces;
  bool read = false;
  refused_or_read([&] {
    const auto bytes = open_bytes("input", "", file);
    for (Bytes part(piece); in_pieces.size() < most;) {
      const std::size_t got = bytes->read(part);
      in_pieces.insert(in_pieces.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(got));
      require(bytes->position() == in_pieces.size(), "the position");
      if (got < piece) break;
    }
    read = in_pieces.size() < most;
  });
  // All at once it says the same.
  bool again = false;
  refused_or_read([&] {
    require(open_bytes("input", "", file)->read_all(most + piece) == in_pieces || !read,
            "the pieces differ from the whole");
    again = true;
  });
  require(!read || again, "refused at once what was read in pieces");
}

std::vector<Bytes> seeds() {
  Bytes content(5000);
  std::iota(content.begin(), content.end(), std::uint8_t{0});
  auto packed = gzipped(content), twice = gzipped(Bytes(300, 1)), empty = gzipped({});
  const auto more = gzipped(Bytes(70, 2));
  twice.insert(twice.end(), more.begin(), more.end());  // members one behind the other are one stream
  std::vector<Bytes> all;
  for (auto* file : {&packed, &twice, &empty}) {
    file->erase(file->begin(), file->begin() + 2);
    all.push_back(chosen(1, *file));
    all.push_back(chosen(0, *file));
  }
  return all;
}

}  // namespace tersegrad::fuzz
