// What says that several threads may use it at once, used by several threads at once: for ThreadSanitizer (preset
// tsan), and for the results, which must be those of one thread. Nothing of tersegrad starts threads of its own;
// programs that use its library may.
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <numeric>
#include <thread>

#include "compress/round_trip.hpp"
#include "tersegrad/core/kernels/crc32c.hpp"
#include "tersegrad/data/dataset.hpp"
#include "tersegrad/log/hdf5/hdf5_file.hpp"
#include "tersegrad/noise/noise.hpp"

namespace tersegrad {
namespace {

constexpr std::size_t threads = 4;

/// Runs f(0), …, f(threads − 1) at once.
void at_once(const std::function<void(std::size_t)>& f) {
  std::vector<std::thread> running;
  for (std::size_t i = 0; i < threads; ++i) running.emplace_back(f, i);
  for (auto& thread : running) thread.join();
}

TEST(Threads, OneCompressorServesManyAgents) {
  std::vector<std::string> specs = testing::one_round_specs();
  for (const auto& spec : specs) {
    SCOPED_TRACE(spec);
    const CompressorSetup setup{{1000, 1}, 3, threads};
    const std::shared_ptr<const Compressor> compressor = CompressorRegistry::instance().make(spec, setup);
    const auto gradient = testing::normal_vector(1000, 1);
    const auto encode = [&](std::size_t agent) {
      const auto encoder = compressor->encoder(static_cast<std::uint32_t>(agent));
      Message message;
      encoder->begin_step(5, gradient);
      encoder->encode({0, 0, 1000}, gradient, message);
      return message;
    };
    std::vector<Message> messages(threads);
    at_once([&](std::size_t i) { messages[i] = encode(i); });
    for (std::size_t i = 0; i < threads; ++i) {
      const Message alone = encode(i);
      EXPECT_EQ(kernels::crc32c(messages[i].payload), kernels::crc32c(alone.payload));
    }
  }
}

/// What a compressor keeps for the next one who asks (index sets) is of one agent, not of one step.
TEST(Threads, OneAgentIsAtSeveralStepsAtOnce) {
  for (const auto& spec : testing::one_round_specs()) {
    SCOPED_TRACE(spec);
    const CompressorSetup setup{{1000, 1}, 3, 1};
    const std::shared_ptr<const Compressor> compressor = CompressorRegistry::instance().make(spec, setup);
    const auto gradient = testing::normal_vector(1000, 1);
    const auto mean_of = [&](std::uint64_t step) {
      std::vector<float> mean(1000);
      const auto encoder = compressor->encoder(0);
      const auto aggregator = compressor->aggregator();
      Message message, aggregate;
      encoder->begin_step(step, gradient);
      aggregator->begin_step(step);
      encoder->encode({0, 0, 1000}, gradient, message);
      const MessageView uplink = view(message);
      aggregator->aggregate({0, 0, 1000}, std::span(&uplink, 1), aggregate);
      aggregator->decode({0, 0, 1000}, view(aggregate), mean);
      return mean;
    };
    std::vector<std::vector<float>> means(threads);
    at_once([&](std::size_t i) {
      for (std::uint64_t round = 0; round < 20; ++round) means[i] = mean_of(threads * round + i);
    });
    for (std::size_t i = 0; i < threads; ++i) EXPECT_EQ(means[i], mean_of(threads * 19 + i));
  }
}

TEST(Threads, NoiseIsDrawnInPartsAtOnce) {
  for (const char* spec : {"gaussian:0.5", "student:3:0.1", "joint-student:4:1"}) {
    const std::shared_ptr<const Noise> noise = NoiseRegistry::instance().make(spec);
    const Stream stream({.seed = 7, .purpose = Purpose::noise});
    std::vector<float> whole(4000), parts(4000);
    noise->add(stream, 0, whole, 1.0f);
    at_once([&](std::size_t i) {
      noise->add(stream, static_cast<std::int64_t>(1000 * i), std::span(parts).subspan(1000 * i, 1000), 1.0f);
    });
    EXPECT_EQ(parts, whole) << spec;
  }
}

TEST(Threads, RowsAreReadAtOnce) {
  const std::shared_ptr<const Dataset> dataset = DatasetRegistry::instance().make("breast-cancer", DataSource{});
  std::vector<std::int64_t> rows(100);
  std::iota(rows.begin(), rows.end(), 5);
  std::vector<std::vector<float>> read(threads, std::vector<float>(100 * 30));
  at_once([&](std::size_t i) { dataset->train().features(rows, read[i]); });
  for (const auto& features : read) EXPECT_EQ(features, read[0]);
}

TEST(Threads, EachItsOwnHdf5File) {
  std::string pattern = (std::filesystem::temp_directory_path() / "tersegrad-threads-XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const std::filesystem::path folder = pattern;
  at_once([&](std::size_t i) {
    const auto path = folder / (std::to_string(i) + ".h5");
    const std::vector<double> values(50, static_cast<double>(i));
    auto file = Hdf5File::create(path);
    file.write<double>("/values", values);
    file.set_attribute("/", "number", static_cast<std::int64_t>(i));
    file.close();
    EXPECT_EQ(Hdf5File::open(path).read<double>("/values", 0, 50), values);
  });
  std::filesystem::remove_all(folder);
}

TEST(Threads, ChecksumsAtOnceFromTheFirstUseOn) {
  const std::vector<std::byte> bytes(100'000, std::byte{7});
  std::vector<std::uint32_t> sums(threads);
  at_once([&](std::size_t i) { sums[i] = kernels::crc32c(bytes); });
  for (const auto sum : sums) EXPECT_EQ(sum, kernels::reference::crc32c(bytes));
}

}  // namespace
}  // namespace tersegrad
