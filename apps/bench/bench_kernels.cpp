// tersegrad bench kernels: each compression kernel beside the bandwidth that this machine's memory gives.
#include <benchmark/benchmark.h>
#include <hwy/targets.h>
#include <time.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "apps/bench/bench.hpp"
#include "apps/common/command.hpp"
#include "tersegrad/compress/kernels/bandwidth.hpp"
#include "tersegrad/compress/kernels/dense/apply.hpp"
#include "tersegrad/compress/kernels/dense/half.hpp"
#include "tersegrad/compress/kernels/sign/planes.hpp"
#include "tersegrad/compress/kernels/sign/sign_memory.hpp"
#include "tersegrad/compress/kernels/sign/sign_pack.hpp"
#include "tersegrad/compress/kernels/sparse/index_packing.hpp"
#include "tersegrad/compress/kernels/sparse/rand_k.hpp"
#include "tersegrad/compress/kernels/sparse/top_k.hpp"
#include "tersegrad/core/buffer.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/kernels/crc32c.hpp"
#include "tersegrad/core/random/random.hpp"
#include "tersegrad/core/statistics.hpp"
#include "tersegrad/core/terminal/table.hpp"
#include "tersegrad/core/text/text.hpp"

namespace tersegrad {
namespace {

enum class Yardstick { read, axpy, copy };

/// One row of the table.
struct Kernel {
  std::string name;
  double bytes;               ///< read and written by one call
  Yardstick yardstick;
  double aim;                 ///< share of the yardstick's bandwidth to reach; 0: none
  std::string unit;           ///< of a rate shown beside: "Gvotes/s", …; empty: none
  double items;               ///< of that unit in one call
  std::function<void()> call;
};

/// The vectors that the kernels work on, made when first asked for.
class Workload {
 public:
  explicit Workload(std::size_t n) : n_(n) {}
  std::size_t n() const { return n_; }
  std::size_t plane_bytes() const { return (n_ + 7) / 8; }

  std::span<float> x() { return floats(x_, 1); }
  std::span<float> y() { return floats(y_, 2); }
  /// Packed signs of `count` agents, as a gather leaves them: message after message, 64 bytes of header before each.
  std::vector<const std::byte*> sign_planes(std::size_t count) {
    const std::size_t message = 64 + plane_bytes();
    if (inputs_.size() < count * message) {
      inputs_.resize(count * message);
      const Stream stream({.seed = 3});
      for (std::size_t i = 0; i + 16 <= inputs_.size(); i += 16) {
        const auto words = stream.block(i / 16);
        std::copy_n(reinterpret_cast<const std::byte*>(words.data()), 16, inputs_.data() + i);
      }
    }
    std::vector<const std::byte*> planes;
    for (std::size_t i = 0; i < count; ++i) planes.push_back(inputs_.data() + i * message + 64);
    return planes;
  }
  std::vector<std::byte*> out_planes(int count) {
    if (outputs_.size() < 16 * plane_bytes()) outputs_.resize(16 * plane_bytes());
    std::vector<std::byte*> planes;
    for (int p = 0; p < count; ++p) planes.push_back(outputs_.data() + static_cast<std::size_t>(p) * plane_bytes());
    return planes;
  }
  std::span<std::byte> out_plane(int p) { return {out_planes(p + 1).back(), plane_bytes()}; }
  std::span<std::byte> halves() {
    halves_.resize(2 * n_);
    return halves_;
  }
  std::vector<std::uint32_t>& indices() { return indices_; }
  std::vector<std::uint32_t>& unpacked() { return unpacked_; }
  std::span<float> values(std::size_t count) {
    values_.resize(count);
    return values_;
  }
  std::span<std::byte> packed(std::size_t bytes) {
    packed_.resize(bytes);
    return packed_;
  }

 private:
  std::span<float> floats(Buffer<float>& buffer, std::uint64_t seed) {
    if (buffer.empty()) {
      buffer.resize(n_);
      std::span<std::uint32_t> words(reinterpret_cast<std::uint32_t*>(buffer.data()), n_);
      Stream({.seed = seed}).fill(0, words);
      for (auto& v : buffer) {
        const float u = static_cast<float>(static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(v))) * 0x1p-31f;
        v = u * u * u;  // peaked around 0, as gradients are
      }
    }
    return buffer;
  }

  std::size_t n_;
  Buffer<float> x_, y_, values_;
  Buffer<std::byte> inputs_, outputs_, packed_;
  Buffer<std::byte> halves_;
  std::vector<std::uint32_t> indices_, unpacked_;
};

std::vector<Kernel> kernels_of(Workload& work) {
  using namespace kernels;
  const std::size_t n = work.n(), k = std::max<std::size_t>(1, n / 100);
  const auto d = static_cast<double>(n), few = static_cast<double>(k), plane = d / 8;
  std::vector<Kernel> all;
  all.push_back({"sign packing", 4 * d, Yardstick::read, 0.85, "", 0,
                 [&work] { benchmark::DoNotOptimize(pack_signs(work.x(), work.out_plane(0), work.out_plane(1))); }});
  all.push_back({"error feedback + sign", 12 * d, Yardstick::axpy, 0.8, "", 0, [&work] {
                   pack_signs_residual(work.x(), work.y(), 0.25f, work.y(), work.out_plane(0), work.out_plane(1));
                 }});
  for (const int agents : {8, 16, 64}) {
    const int planes = planes_for(agents);
    all.push_back({"vote count, N = " + std::to_string(agents), agents * plane, Yardstick::read, 0.5, "Gvotes/s",
                   agents * d / 1e9, [&work, agents, planes] {
                     count_votes(work.sign_planes(static_cast<std::size_t>(agents)), work.plane_bytes(),
                                 work.out_planes(planes).data(), planes);
                   }});
  }
  all.push_back({"vote count with zeros, N = 8", 2 * 8 * plane, Yardstick::read, 0, "Gvotes/s", 8 * d / 1e9, [&work] {
                   const auto inputs = work.sign_planes(16);
                   const std::span<const std::byte* const> both(inputs);
                   const auto outputs = work.out_planes(5);
                   count_votes_with_zeros(both.first(8), both.last(8), work.plane_bytes(), outputs.data(), 5);
                 }});
  all.push_back({"majority of 4 planes", 5 * plane, Yardstick::copy, 0, "", 0, [&work] {
                   const auto planes = work.sign_planes(4);
                   majority(planes, work.plane_bytes(), -8, 2, Tie::plus, nullptr, work.out_plane(0).data(), nullptr);
                 }});
  for (const int agents : {1, 8, 64}) {
    const int planes = planes_for(agents);
    const auto inputs = [&work, planes] { return work.sign_planes(static_cast<std::size_t>(planes)); };
    all.push_back({"decode and apply, N = " + std::to_string(agents), 8 * d + planes * plane, Yardstick::axpy, 0.8, "",
                   0, [&work, inputs, agents] {
                     apply_counts(inputs(), work.y(), 1.0f / static_cast<float>(agents), -agents, 2, 1e-7f);
                   }});
  }
  all.push_back({"decode, N = 8", 4 * d + 4 * plane, Yardstick::copy, 0, "", 0,
                 [&work] { decode_counts(work.sign_planes(4), work.y(), 0.125f, -8, 2); }});
  // The aims of Rand-k and Top-k are absolute figures of a machine that reads 38 GB/s, scaled to this one: a rate of
  // 50 million indices a second is 1 index for every 760 bytes read, 2 GB/s is 1/19 of reading.
  all.push_back({"Rand-k, 1 %", 760 * few, Yardstick::read, 1, "Mindices/s", few / 1e6, [&work, n, k] {
                   draw_subset(Stream({.seed = 5, .purpose = Purpose::sparsify}), static_cast<std::int64_t>(n),
                               static_cast<std::int64_t>(k), work.indices());
                 }});
  all.push_back({"Rand-k, 0.1 %", 76 * few, Yardstick::read, 0, "Mindices/s", few / 1e7, [&work, n, k] {
                   draw_subset(Stream({.seed = 6, .purpose = Purpose::sparsify}), static_cast<std::int64_t>(n),
                               static_cast<std::int64_t>(k / 10), work.indices());
                 }});
  all.push_back({"Top-k, 1 %", 4 * d, Yardstick::read, 2.0 / 38, "", 0,
                 [&work, k] { top_k(work.x(), static_cast<std::int64_t>(k), work.indices()); }});
  all.push_back({"Top-k, 0.1 %", 4 * d, Yardstick::read, 0, "", 0,
                 [&work, k] { top_k(work.x(), static_cast<std::int64_t>(k / 10), work.indices()); }});
  const auto drawn = [&work, n, k]() -> std::span<const std::uint32_t> {
    if (work.indices().size() != k) {
      draw_subset(Stream({.seed = 5, .purpose = Purpose::sparsify}), static_cast<std::int64_t>(n),
                  static_cast<std::int64_t>(k), work.indices());
    }
    return work.indices();
  };
  all.push_back({"gather, 1 %", 12 * few, Yardstick::read, 0, "Mvalues/s", few / 1e6,
                 [&work, drawn, k] { gather(work.x(), drawn(), 0, work.values(k)); }});
  all.push_back({"scatter-add, 1 %", 16 * few, Yardstick::read, 0, "Mvalues/s", few / 1e6,
                 [&work, drawn, k] { scatter_add(work.values(k), drawn(), 0, 1e-7f, work.y()); }});
  const auto below = static_cast<std::int64_t>(n), count = static_cast<std::int64_t>(k);
  const auto packed = [&work, below, count] {
    return work.packed(static_cast<std::size_t>(packed_index_bytes(below, count)));
  };
  const double packing_bytes = 4 * few + static_cast<double>(packed_index_bytes(below, count));
  all.push_back({"index packing, 1 %", packing_bytes, Yardstick::copy, 0, "Mindices/s", few / 1e6,
                 [drawn, below, packed] { pack_indices(drawn(), below, packed()); }});
  all.push_back({"index unpacking, 1 %", packing_bytes, Yardstick::copy, 0, "Mindices/s", few / 1e6,
                 [&work, drawn, below, count, packed] {
                   if (!unpack_indices(packed(), below, count, work.unpacked())) {  // the first time: nothing packed
                     pack_indices(drawn(), below, packed());
                   }
                 }});
  all.push_back({"fp32 to fp16", 6 * d, Yardstick::copy, 0, "", 0, [&work] { to_half(work.x(), work.halves()); }});
  all.push_back({"fp16 to fp32", 6 * d, Yardstick::copy, 0, "", 0, [&work] { from_half(work.halves(), work.y()); }});
  all.push_back({"fp32 to bf16", 6 * d, Yardstick::copy, 0, "", 0, [&work] { to_bfloat16(work.x(), work.halves()); }});
  all.push_back({"bf16 to fp32", 6 * d, Yardstick::copy, 0, "", 0,
                 [&work] { from_bfloat16(work.halves(), work.y()); }});
  const auto floats = [&work] { return std::as_bytes(std::span<const float>(work.x())); };
  all.push_back({"checksum (CRC-32C)", 4 * d, Yardstick::read, 0, "", 0,
                 [floats] { benchmark::DoNotOptimize(crc32c(floats())); }});
  all.push_back({"checksum by tables", 4 * d, Yardstick::read, 0, "", 0,
                 [floats] { benchmark::DoNotOptimize(reference::crc32c(floats())); }});
  return all;
}

/// Time that this thread ran: on a busy machine the wall clock counts the neighbours too.
double thread_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double seconds_of(const std::function<void()>& call) {
  const double start = thread_seconds();
  call();
  return thread_seconds() - start;
}

/// Runs a kernel and its yardstick by turns: a neighbour on the machine slows both, so their ratio is what lasts.
void measure(benchmark::State& state, const Kernel& kernel, Workload& work) {
  const std::function<void()> yardsticks[] = {
      [&work] { benchmark::DoNotOptimize(kernels::read_sum(work.x())); },
      [&work] { kernels::axpy(1e-7f, work.x(), work.y()); },
      [&work] { kernels::copy(work.x(), work.y()); },
  };
  const double coordinate_bytes[] = {4, 12, 8};
  const auto& yardstick = yardsticks[static_cast<int>(kernel.yardstick)];
  const double yardstick_bytes = coordinate_bytes[static_cast<int>(kernel.yardstick)] * static_cast<double>(work.n());
  kernel.call();
  yardstick();
  std::vector<double> times, references, shares;
  for (auto _ : state) {
    // Before and after: the mean stands for the moment of the kernel itself.
    const double before = seconds_of(yardstick);
    const double time = seconds_of(kernel.call);
    const double after = seconds_of(yardstick);
    const double reference = yardstick_bytes / ((before + after) / 2);
    times.push_back(time);
    references.push_back(reference);
    shares.push_back(kernel.bytes / time / reference);
    state.SetIterationTime(time);
  }
  state.counters["bytes_per_second"] = kernel.bytes / upper_median(times);
  state.counters["yardstick_bytes_per_second"] = upper_median(references);
  state.counters["share"] = upper_median(shares);
  state.counters["aim"] = kernel.aim;
  if (!kernel.unit.empty()) state.counters[kernel.unit] = kernel.items / upper_median(times);
}

/// Google Benchmark's runs as one table.
class TableReporter final : public benchmark::BenchmarkReporter {
 public:
  explicit TableReporter(const std::vector<Kernel>& kernels)
      : kernels_(kernels), table_({"kernel", "time", "rate", "GB/s", "yardstick", "GB/s", "share", "aim"}) {}

  bool ReportContext(const Context&) override { return true; }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const auto& run : runs) {
      const auto found = std::find_if(kernels_.begin(), kernels_.end(), [&](const Kernel& kernel) {
        return run.run_name.function_name == kernel.name;
      });
      TERSEGRAD_CHECK(found != kernels_.end() && !run.error_occurred, "benchmark '", run.benchmark_name(), "' failed: ",
                      run.error_message);
      const auto counter = [&run](const std::string& name) { return run.counters.at(name).value; };
      const char* const yardsticks[] = {"read", "axpy", "copy"};
      const double share = counter("share");
      table_.add({found->name, format_duration(found->bytes / counter("bytes_per_second")),
                  found->unit.empty() ? "" : format_number(counter(found->unit), 3) + " " + found->unit,
                  // Where the bytes only stand for an absolute aim they are no bandwidth.
                  found->aim == 1 ? "" : format_number(counter("bytes_per_second") / 1e9, 3),
                  yardsticks[static_cast<int>(found->yardstick)],
                  format_number(counter("yardstick_bytes_per_second") / 1e9, 3), format_number(share, 3),
                  found->aim == 0 ? "" : format_number(found->aim, 2) + (share >= found->aim ? "" : " missed")});
    }
  }

  void Finalize() override { GetOutputStream() << table_.str(); }

 private:
  const std::vector<Kernel>& kernels_;
  TextTable table_;
};

int run(int argc, char** argv) {
  cxxopts::Options options("tersegrad bench kernels",
                           "Each compression kernel on one core beside a plain read, an in-place y += a x and a copy "
                           "of the same machine, timed by turns in one run by the processor time they take. share: the "
                           "kernel's bytes a second over its yardstick's");
  options.add_options()
      ("log2-size", "coordinates, as a power of two (10 to 30)", cxxopts::value<int>()->default_value("26"))
      ("rounds", "times each kernel is timed; medians are shown", cxxopts::value<int>()->default_value("11"))
      ("filter", "only kernels whose name matches this regular expression",
       cxxopts::value<std::string>()->default_value(""))
      ("target", "instruction set to use: auto, or one that this machine has (such as AVX2)",
       cxxopts::value<std::string>()->default_value("auto"))
      ("json", "write Google Benchmark's JSON to this file", cxxopts::value<std::string>()->default_value(""))
      ("h,help", "this text");
  bool done = false;
  const auto given = parse_options(options, argc, argv, done);
  if (done) return 0;
  const int log2_size = given["log2-size"].as<int>(), rounds = given["rounds"].as<int>();
  TERSEGRAD_CHECK(log2_size >= 10 && log2_size <= 30, "--log2-size ", log2_size, " (must be from 10 to 30)");
  TERSEGRAD_CHECK(rounds >= 1, "--rounds ", rounds, " (must be at least 1)");

  std::int64_t chosen = 0;
  std::string known = "auto";
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    known += std::string(" ") + hwy::TargetName(target);
    if (given["target"].as<std::string>() == hwy::TargetName(target)) chosen = target;
  }
  TERSEGRAD_CHECK(chosen != 0 || given["target"].as<std::string>() == "auto", "this machine has no instruction set '",
                  given["target"].as<std::string>(), "' (known: ", known, ")");
  if (chosen != 0) hwy::SetSupportedTargetsForTest(chosen);

  Workload work(std::size_t{1} << log2_size);
  const auto all = kernels_of(work);
  for (const auto& kernel : all) {
    benchmark::RegisterBenchmark(kernel.name.c_str(), [&](benchmark::State& state) { measure(state, kernel, work); })
        ->UseManualTime()
        ->Iterations(rounds);
  }
  std::vector<std::string> arguments{argv[0]};
  const auto filter = given["filter"].as<std::string>(), json = given["json"].as<std::string>();
  if (!filter.empty()) arguments.push_back("--benchmark_filter=" + filter);
  if (!json.empty()) arguments.push_back("--benchmark_out=" + json);
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  int count = static_cast<int>(pointers.size());
  benchmark::Initialize(&count, pointers.data());
  std::cout << "one thread, 2^" << log2_size << " coordinates, instructions: " << known.substr(known.find(' ') + 1)
            << (chosen == 0 ? " (the first is used)" : "; used: " + given["target"].as<std::string>()) << "\n"
            << std::flush;
  TableReporter reporter(all);
  const std::size_t ran = benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  TERSEGRAD_CHECK(ran > 0, "no kernel matches '", filter, "'");
  return 0;
}

const CatalogueEntry<Bench> registration{"kernels", {"compression kernels beside the memory's bandwidth", run}};

}  // namespace
}  // namespace tersegrad
