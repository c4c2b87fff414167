#include "tersegrad/core/system/shared_library.hpp"

#include <elf.h>
#include <link.h>

#include <cstdint>
#include <cstring>
#include <fstream>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

using Header = ElfW(Ehdr);
using Section = ElfW(Shdr);
using Segment = ElfW(Phdr);
using Symbol = ElfW(Sym);

/// The plain structure of an ELF file that lies at byte `at`. \throws Error beyond the end
template <class T>
T structure_at(std::string_view file, std::uint64_t at) {
  TERSEGRAD_CHECK(at <= file.size() && sizeof(T) <= file.size() - at, "is not whole (a damaged or unfinished file)");
  T value;
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}

/// The text that begins at byte `at`. \throws Error where it does not end in the file
std::string_view text_at(std::string_view file, std::uint64_t at) {
  const std::size_t end = at < file.size() ? file.find('\0', at) : std::string_view::npos;
  TERSEGRAD_CHECK(end != std::string_view::npos, "is not whole (a damaged or unfinished file)");
  return file.substr(at, end - at);
}

void require_own_kind(const Header& header) {
  TERSEGRAD_CHECK(std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0, "is not a shared library");
  Header own{};
  std::ifstream("/proc/self/exe", std::ios::binary).read(reinterpret_cast<char*>(&own), sizeof own);
  const bool same = header.e_ident[EI_CLASS] == own.e_ident[EI_CLASS] && header.e_ident[EI_DATA] == own.e_ident[EI_DATA] &&
                    header.e_machine == own.e_machine;
  TERSEGRAD_CHECK(same, "is not for this kind of processor");
  TERSEGRAD_CHECK(header.e_type == ET_DYN, "is not a shared library");
}

/// Where in the file an address of the loaded library lies. \throws Error where nowhere
std::uint64_t place_of(std::string_view file, const Header& header, std::uint64_t address) {
  for (int i = 0; i < header.e_phnum; ++i) {
    const auto segment = structure_at<Segment>(file, header.e_phoff + static_cast<std::uint64_t>(i) * header.e_phentsize);
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr || address - segment.p_vaddr >= segment.p_filesz) continue;
    return segment.p_offset + (address - segment.p_vaddr);
  }
  throw Error("is not whole (a damaged or unfinished file)");
}

}  // namespace

std::optional<std::string> exported_text(std::string_view file, const std::string& name) {
  TERSEGRAD_CHECK(file.size() >= sizeof(Header), "is not a shared library");
  const auto header = structure_at<Header>(file, 0);
  require_own_kind(header);
  const auto section = [&](std::uint64_t number) {
    return structure_at<Section>(file, header.e_shoff + number * header.e_shentsize);
  };
  for (std::uint64_t number = 0; number < header.e_shnum; ++number) {
    const auto symbols = section(number);
    if (symbols.sh_type != SHT_DYNSYM || symbols.sh_entsize < sizeof(Symbol)) continue;
    const auto names = section(symbols.sh_link);
    for (std::uint64_t i = 0; i < symbols.sh_size / symbols.sh_entsize; ++i) {
      const auto symbol = structure_at<Symbol>(file, symbols.sh_offset + i * symbols.sh_entsize);
      if (symbol.st_shndx == SHN_UNDEF || text_at(file, names.sh_offset + symbol.st_name) != name) continue;
      return std::string(text_at(file, place_of(file, header, symbol.st_value)));
    }
  }
  return std::nullopt;
}

}  // namespace tersegrad
