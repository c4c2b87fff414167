#include "tersegrad/core/system/processor.hpp"

#include <cfenv>
#include <fstream>
#include <map>

#include "tersegrad/core/error.hpp"

#ifdef __x86_64__
#include <cpuid.h>

#include <cstring>
#endif

namespace tersegrad {
namespace {

[[maybe_unused]] std::string trimmed(const std::string& text) {
  std::string words;
  for (const char c : text) {
    if (c == '\0') break;
    if (c == ' ' && (words.empty() || words.back() == ' ')) continue;
    words += c;
  }
  while (!words.empty() && words.back() == ' ') words.pop_back();
  return words;
}

#ifdef __x86_64__

std::string read_kind() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  std::string name;
  if (__get_cpuid(0x80000000, &a, &b, &c, &d) != 0 && a >= 0x80000004) {
    char text[49] = "";
    for (unsigned leaf = 0; leaf < 3; ++leaf) {
      unsigned words[4] = {};
      __get_cpuid(0x80000002 + leaf, &words[0], &words[1], &words[2], &words[3]);
      std::memcpy(text + 16 * leaf, words, sizeof words);
    }
    name = trimmed(text);
  }
  if (name.empty()) name = "x86-64";
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return name;
  unsigned family = a >> 8 & 15, model = a >> 4 & 15;
  if (family == 6 || family == 15) model |= (a >> 16 & 15) << 4;
  if (family == 15) family += a >> 20 & 255;
  return concat(name, ", family ", family, ", model ", model);
}

#else

std::string read_kind() {
  // The lines of the first processor, as far as they name a kind: Arm's, POWER's, RISC-V's.
  std::ifstream lines("/proc/cpuinfo");
  std::string kind;
  std::map<std::string, bool> seen;
  for (std::string line; std::getline(lines, line);) {
    const std::string key = trimmed(line.substr(0, line.find_first_of("\t:")));
    if (line.find(':') == std::string::npos || seen[key]) continue;
    for (const char* telling : {"model name", "cpu", "CPU implementer", "CPU part", "CPU variant", "uarch", "isa"}) {
      if (key != telling) continue;
      seen[key] = true;
      kind += concat(kind.empty() ? "" : ", ", key, " ", trimmed(line.substr(line.find(':') + 1)));
    }
  }
  return kind.empty() ? "unknown" : kind;
}

#endif

}  // namespace

std::string processor_kind() {
  static const std::string kind = read_kind();
  return kind;
}

void use_default_float_environment() { std::fesetenv(FE_DFL_ENV); }

}  // namespace tersegrad
