// tersegrad bench noise: the noise members beside torch::randn and the standard library, on one thread.
#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "apps/bench/bench.hpp"
#include "apps/common/command.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/terminal/table.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/noise/draw.hpp"
#include "tersegrad/noise/noise.hpp"

namespace tersegrad {
namespace {

struct Sampler {
  std::string name;
  std::function<void()> fill;  ///< draws `size` values
};

/// ns per value of each sampler.
std::vector<double> time_samplers(const std::vector<Sampler>& samplers, std::int64_t size, int repeats) {
  std::vector<std::function<void()>> pieces;
  for (const Sampler& sampler : samplers) pieces.push_back(sampler.fill);
  std::vector<double> times = median_times_s(pieces, repeats, Clock::thread);
  for (double& time : times) time *= 1e9 / static_cast<double>(size);
  return times;
}

/// A standard distribution into the buffer; the result is used, so that it is not optimised away.
template <class Distribution>
Sampler standard(const std::string& name, std::span<float> buffer, Distribution distribution) {
  return {name, [=, random = std::mt19937(1)]() mutable {
            for (float& value : buffer) value = distribution(random);
          }};
}

/// values += noise, a new step each time.
Sampler ours(const std::string& spec, std::span<float> buffer) {
  std::shared_ptr<Noise> noise = NoiseRegistry::instance().make(spec);
  return {noise->name(), [=, step = std::uint64_t{0}]() mutable {
            noise->add(Stream({.seed = 1, .purpose = Purpose::noise, .agent = 0, .step = step++}), 0, buffer, 1.0f);
          }};
}

void print_targets(std::span<float> buffer, const std::vector<std::string>& specs, int repeats) {
  std::vector<std::string> heading{"ns per value on each SIMD target"};
  std::vector<std::vector<std::string>> rows;
  for (const std::string& spec : specs) rows.push_back({spec});
  for (const std::string& target : simd_targets()) {
    use_simd_target(target);
    heading.push_back(target);
    std::vector<Sampler> samplers;
    for (const std::string& spec : specs) samplers.push_back(ours(spec, buffer));
    const auto times = time_samplers(samplers, static_cast<std::int64_t>(buffer.size()), repeats);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].push_back(format_number(times[i], 3));
  }
  use_simd_target("");
  TextTable table(heading);
  for (auto& row : rows) table.add(std::move(row));
  std::cout << "\n" << table.str();
}

int run(int argc, char** argv) {
  cxxopts::Options options("tersegrad bench noise",
                           "Gradient noise beside torch::randn, std::normal_distribution and "
                           "std::student_t_distribution (std::mt19937):\none thread, one warm buffer, the samplers in "
                           "turn, median over the rounds of the thread's processor time");
  options.add_options()("size", "values drawn at a time", cxxopts::value<std::int64_t>()->default_value("1000000"))(
      "rounds", "rounds timed", cxxopts::value<int>()->default_value("31"))(
      "nu", "degrees of freedom of Student's t", cxxopts::value<float>()->default_value("3"))(
      "targets", "also time every SIMD target that this machine has")("h,help", "this text");
  bool done = false;
  const auto parsed = parse_options(options, argc, argv, done);
  if (done) return 0;
  const auto size = parsed["size"].as<std::int64_t>();
  const auto rounds = parsed["rounds"].as<int>();
  const auto nu = parsed["nu"].as<float>();
  TERSEGRAD_CHECK(size >= 1 && size <= 1000000000, "--size ", size, " is out of range (1 to 1e9 values)");
  TERSEGRAD_CHECK(rounds >= 1 && rounds <= 100000, "--rounds ", rounds, " is out of range (1 to 100000)");
  TERSEGRAD_CHECK(nu > 0, "--nu ", nu, " is out of range (degrees of freedom are above 0)");

  const c10::InferenceMode without_gradients;
  at::set_num_threads(1);
  auto tensor = torch::zeros({size});
  const std::span<float> buffer(tensor.data_ptr<float>(), static_cast<std::size_t>(size));
  const std::string of_nu = "student:" + format_number(nu) + ":0.1";

  enum : std::size_t { gaussian, randn, normal_, normal, student, student_t, joint };
  const std::vector<Sampler> samplers = {
      ours("gaussian:0.1", buffer),
      {"torch::randn", [&] { torch::randn({size}); }},
      {"torch normal_, in place", [&] { tensor.normal_(); }},
      standard("std::normal_distribution", buffer, std::normal_distribution<float>()),
      ours(of_nu, buffer),
      standard("std::student_t_distribution", buffer, std::student_t_distribution<float>(nu)),
      ours("joint-" + of_nu, buffer),
  };
  const std::vector<double> times = time_samplers(samplers, size, rounds);
  const auto ratio = [&](std::size_t slow, std::size_t fast) {
    return format_number(times[slow] / times[fast], 3) + "×";
  };

  std::cout << "drawing " << size << " values, one thread, SIMD target " << simd_targets().front()
            << ", processor time, median of " << rounds << " rounds\n\n";
  TextTable table({"sampler", "ns per value", "GB/s written", "our speed-up over it"});
  for (std::size_t i = 0; i < samplers.size(); ++i) {
    const bool is_ours = i == gaussian || i == student || i == joint;
    table.add({samplers[i].name, format_number(times[i], 3), format_number(sizeof(float) / times[i], 3),
               is_ours ? "" : ratio(i, i == student_t ? student : gaussian)});
  }
  std::cout << table.str();
  std::cout << "\ngaussian against torch::randn: " << ratio(randn, gaussian) << " (aim: at least 1×); student against "
            << "std::student_t_distribution: " << ratio(student_t, student) << " (aim: at least 5×)\n";
  if (parsed.count("targets")) print_targets(buffer, {"gaussian:0.1", of_nu, "joint-" + of_nu}, rounds);
  return 0;
}

const CatalogueEntry<Bench> registration{"noise", {"gradient noise beside torch::randn and the standard library", run}};

}  // namespace
}  // namespace tersegrad
