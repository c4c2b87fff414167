#include "tersegrad/train/checkpoint/checkpoint.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <set>
#include <string_view>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/hash.hpp"
#include "tersegrad/core/system/file.hpp"

namespace tersegrad {
namespace {

static_assert(std::endian::native == std::endian::little, "checkpoints are written as memory holds them");

constexpr std::array<char, 8> magic = {'T', 'G', 'R', 'D', 'C', 'K', 'P', '\n'};
constexpr std::uint64_t unit = 64;  // sections begin at multiples of it, behind the table

struct FileHeader {
  std::array<char, 8> magic_bytes = magic;
  std::uint32_t version = checkpoint_version;
  std::uint32_t sections = 0;
  std::uint64_t step = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t checksum = 0;  // of the header with 0 here, and the table behind it
};
static_assert(sizeof(FileHeader) == 40 && std::is_trivially_copyable_v<FileHeader>);

struct Entry {
  std::array<char, 48> name = {};
  std::uint64_t bytes = 0;
  std::uint64_t checksum = 0;
};
static_assert(sizeof(Entry) == 64 && std::is_trivially_copyable_v<Entry>);

std::uint64_t padding_behind(std::uint64_t bytes) { return (unit - bytes % unit) % unit; }

std::uint64_t checksum_of(FileHeader header, std::span<const Entry> table) {
  header.checksum = 0;
  std::vector<std::byte> bytes(sizeof header + table.size_bytes());
  std::memcpy(bytes.data(), &header, sizeof header);
  if (!table.empty()) std::memcpy(bytes.data() + sizeof header, table.data(), table.size_bytes());
  return fingerprint(bytes);
}

bool printable(const Entry& entry) {
  const std::string_view name(entry.name.data(), entry.name.size());
  const std::size_t length = name.find('\0');
  if (length == 0 || length == std::string_view::npos) return false;
  return std::all_of(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(length),
                     [](char c) { return c > ' ' && c < 127; }) &&
         name.find_first_not_of('\0', length) == std::string_view::npos;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::span<const std::byte> CheckpointView::section(const std::string& name) const {
  for (const auto& section : sections) {
    if (section.name == name) return section.bytes;
  }
  throw Error(concat("the checkpoint of step ", step, " has no section '", name, "'"));
}

CheckpointView parse_checkpoint(std::span<const std::byte> bytes, const std::string& subject) {
  const auto require = [&](bool sound, const char* what) {
    if (!sound) throw DamagedCheckpoint(concat(subject, " is damaged (", what, ")"));
  };
  FileHeader header;
  require(bytes.size() >= sizeof header, "shorter than its header");
  std::memcpy(&header, bytes.data(), sizeof header);
  require(header.magic_bytes == magic, "it does not begin as a checkpoint");
  require(header.file_bytes == bytes.size(), "not as long as it says");
  auto rest = bytes.subspan(sizeof header);
  require(header.sections <= rest.size() / sizeof(Entry), "its table of sections is cut off");
  std::vector<Entry> table(header.sections);
  if (!table.empty()) std::memcpy(table.data(), rest.data(), table.size() * sizeof(Entry));
  require(checksum_of(header, table) == header.checksum, "the checksum of its header is wrong");
  // Sound as far as it can be told: every version keeps the header and its checksum.
  TERSEGRAD_CHECK(header.version == checkpoint_version, subject, " is of format version ", header.version,
                  " (this program reads version ", checkpoint_version, ")");
  require(header.step >= 1 && header.step < (std::uint64_t{1} << 48), "its step is impossible");
  rest = rest.subspan(table.size() * sizeof(Entry));

  CheckpointView view;
  view.step = header.step;
  std::set<std::string> names;
  for (const Entry& entry : table) {
    require(printable(entry), "a section has no name");
    const std::string name = entry.name.data();
    require(entry.bytes <= rest.size(), "a section is cut off");
    const std::uint64_t padding = padding_behind(entry.bytes);
    require(padding <= rest.size() - entry.bytes, "a section is cut off");
    const auto content = rest.first(static_cast<std::size_t>(entry.bytes));
    const auto zeros = rest.subspan(content.size(), static_cast<std::size_t>(padding));
    require(fingerprint(content) == entry.checksum, concat("the checksum of section '", name, "' is wrong").c_str());
    require(std::all_of(zeros.begin(), zeros.end(), [](std::byte b) { return b == std::byte{0}; }),
            "not zero between its sections");
    require(names.insert(name).second, "two sections have one name");
    view.sections.push_back({name, content});
    rest = rest.subspan(content.size() + zeros.size());
  }
  require(rest.empty(), "more than its sections");
  return view;
}

void write_checkpoint(const std::filesystem::path& path, const CheckpointView& checkpoint,
                      const std::function<void()>& advanced) {
  static constexpr std::array<char, unit> zeros = {};
  FileHeader header;
  header.sections = static_cast<std::uint32_t>(checkpoint.sections.size());
  header.step = checkpoint.step;
  header.file_bytes = sizeof header;
  std::vector<Entry> table;
  for (const auto& section : checkpoint.sections) {
    Entry entry;
    TERSEGRAD_ASSERT(section.name.size() < entry.name.size(), "a section's name is too long: '", section.name, "'");
    std::copy(section.name.begin(), section.name.end(), entry.name.begin());
    TERSEGRAD_ASSERT(printable(entry), "no name for a section: '", section.name, "'");
    entry.bytes = section.bytes.size();
    entry.checksum = fingerprint(section.bytes);
    if (advanced) advanced();
    table.push_back(entry);
    header.file_bytes += sizeof entry + entry.bytes + padding_behind(entry.bytes);
  }
  header.checksum = checksum_of(header, table);
  std::vector<std::string_view> pieces{as_text(std::as_bytes(std::span(&header, 1))),
                                       as_text(std::as_bytes(std::span(table)))};
  for (const auto& section : checkpoint.sections) {
    pieces.push_back(as_text(section.bytes));
    pieces.push_back({zeros.data(), static_cast<std::size_t>(padding_behind(section.bytes.size()))});
  }
  write_file(path, pieces, advanced);
}

CheckpointFile read_checkpoint(const std::filesystem::path& path) {
  const std::string subject = concat("'", path.string(), "'");
  const RegularFile file(path);
  const auto damaged_unless = [&](bool sound) {
    if (!sound) throw DamagedCheckpoint(concat(subject, " is damaged (not as long as it says)"));
  };
  // Memory is asked for only once the header says the same length.
  FileHeader header;
  damaged_unless(file.read(0, std::as_writable_bytes(std::span(&header, 1))) == sizeof header &&
                 header.file_bytes == file.bytes());
  CheckpointFile checkpoint;
  checkpoint.bytes.resize(static_cast<std::size_t>(file.bytes()));
  damaged_unless(file.read(0, std::span<std::byte>(checkpoint.bytes.data(), checkpoint.bytes.size())) ==
                 checkpoint.bytes.size());
  checkpoint.view = parse_checkpoint(checkpoint.bytes, subject);
  return checkpoint;
}

}  // namespace tersegrad
