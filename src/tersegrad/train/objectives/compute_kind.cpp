#include "tersegrad/train/objectives/compute_kind.hpp"

#include <dlfcn.h>
#include <torch/version.h>

#include <ATen/Version.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <sstream>
#include <utility>
#include <vector>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/kernels/instruction_set.hpp"
#include "tersegrad/core/system/processor.hpp"
#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {
namespace {

/// The rest of the line of LibTorch's description that begins so. A call of its own for it came after 1.13.
std::string libtorch_capability() {
  std::istringstream lines(at::show_config());
  for (std::string line; std::getline(lines, line);) {
    const std::string begin = "CPU capability usage: ";
    if (const auto at = line.find(begin); at != std::string::npos) return line.substr(at + begin.size());
  }
  return "unknown";
}

template <class Function>
Function* loaded(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_DEFAULT, name));
}

/// oneDNN's own answer where LibTorch shares it with others; inside of LibTorch it says nothing, and what it was told
/// is in the environment.
std::string onednn_isa() {
  if (const auto effective = loaded<int()>("dnnl_get_effective_cpu_isa")) {
    const int isa = effective();
    const std::pair<int, const char*> names[] = {
        {0x0, "all"},
        {0x1, "SSE41"},
        {0x3, "AVX"},
        {0x7, "AVX2"},
        {0x407, "AVX2_VNNI"},
        {0x27, "AVX512_CORE"},
        {0x67, "AVX512_CORE_VNNI"},
        {0xe7, "AVX512_CORE_BF16"},
        {0x3e7, "AVX512_CORE_AMX"}};
    for (const auto& [number, name] : names) {
      if (isa == number) return name;
    }
    return concat("isa ", isa);
  }
  for (const char* name : {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"}) {
    if (const char* limit = std::getenv(name)) return concat("at most ", limit);
  }
  return "the processor's";
}

std::string blas() {
  if (const auto core = loaded<const char*()>("openblas_get_corename")) return concat("OpenBLAS ", core());
  std::string mkl = at::get_mkl_version();
  mkl = mkl.substr(0, mkl.find('\n'));
  for (const char* name : {"MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS"}) {
    if (const char* value = std::getenv(name)) mkl += concat(" ", name, "=", value);
  }
  return mkl;
}

/// The names and values, for saying what differs.
std::vector<std::pair<const char*, std::string ComputeKind::*>> parts() {
  return {{"processor", &ComputeKind::processor}, {"LibTorch", &ComputeKind::libtorch},
          {"LibTorch's kernels", &ComputeKind::libtorch_capability}, {"oneDNN", &ComputeKind::onednn_isa},
          {"BLAS", &ComputeKind::blas}, {"own kernels", &ComputeKind::kernels}};
}

/// "rank 3", "ranks 0, 2-3"
std::string ranks_text(const std::vector<int>& ranks) {
  std::vector<std::string> spans;
  for (std::size_t i = 0; i < ranks.size();) {
    std::size_t end = i + 1;
    while (end < ranks.size() && ranks[end] == ranks[end - 1] + 1) ++end;
    spans.push_back(end - i == 1 ? std::to_string(ranks[i])
                                 : concat(ranks[i], end - i == 2 ? ", " : "-", ranks[end - 1]));
    i = end;
  }
  return concat(ranks.size() == 1 ? "rank " : "ranks ", join(spans));
}

struct Group {
  std::string value;
  std::vector<int> ranks;
};

std::vector<Group> grouped(const std::vector<std::string>& values) {
  std::vector<Group> groups;
  for (std::size_t r = 0; r < values.size(); ++r) {
    auto found = std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.value == values[r]; });
    if (found == groups.end()) found = groups.insert(groups.end(), {values[r], {}});
    found->ranks.push_back(static_cast<int>(r));
  }
  return groups;
}

}  // namespace

LogFields ComputeKind::fields() const {
  return {{"processor", processor, ""},   {"libtorch", libtorch, ""}, {"libtorch_capability", libtorch_capability, ""},
          {"onednn_isa", onednn_isa, ""}, {"blas", blas, ""},         {"kernels_target", kernels, ""}};
}

std::string ComputeKind::text() const {
  return concat("processor ", processor, "; LibTorch ", libtorch, " ", libtorch_capability, "; oneDNN ", onednn_isa,
                "; BLAS ", blas);
}

ComputeKind this_compute_kind() {
  return {processor_kind(), TORCH_VERSION, libtorch_capability(), onednn_isa(), blas(), kernels::instruction_set()};
}

ComputeKinds gather_compute_kinds(const Communicator& comm, const ComputeKind& mine) {
  ComputeKinds kinds;
  std::vector<std::string> own;
  const auto of_each = parts();
  for (const auto& [name, part] : of_each) own.push_back(mine.*part);
  const std::string sent = join(own, "\n");
  const auto gathered = comm.all_gather_pieces(std::as_bytes(std::span(sent)));
  std::vector<std::vector<std::string>> values(own.size());  // [part][rank]
  for (int r = 0; r < comm.size(); ++r) {
    const auto bytes = gathered.from(r);
    std::istringstream lines(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    for (auto& of_part : values) {
      std::string line;
      std::getline(lines, line);
      of_part.push_back(line);
    }
  }
  std::vector<std::string> differing(static_cast<std::size_t>(comm.size()));
  for (std::size_t p = 0; p < own.size(); ++p) {
    const auto& [name, part] = of_each[p];
    const auto groups = grouped(values[p]);
    std::vector<std::string> texts;
    for (const Group& group : groups) texts.push_back(concat(group.value, " (", ranks_text(group.ranks), ")"));
    kinds.all.*part = groups.size() == 1 ? groups.front().value : join(texts, ", ");
    if (groups.size() == 1 || part == &ComputeKind::kernels) continue;
    for (std::size_t r = 0; r < differing.size(); ++r) {
      differing[r] += concat(differing[r].empty() ? "" : ", ", name, " ", values[p][r]);
    }
  }
  const auto groups = grouped(differing);
  if (groups.size() == 1) return kinds;
  std::vector<std::string> texts;
  for (const Group& group : groups) texts.push_back(concat(ranks_text(group.ranks), ": ", group.value));
  kinds.differences = join(texts, "; ");
  return kinds;
}

}  // namespace tersegrad
