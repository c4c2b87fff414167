// Worlds in this process, of several sizes, with sends that complete at once and with ones that wait for their receiver.
#include "support/in_process.hpp"
#include "support/world.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad::testing {
namespace {

class WorldTest final : public ::testing::Test {
 public:
  WorldTest(WorldBody body, int ranks, Sends sends) : body_(body), options_{.ranks = ranks, .sends = sends} {
    options_.wire = [](int, int, int tag, std::vector<std::byte>& bytes) {
      if (const auto* damage = FaultyWire::current()) (*damage)(tag, bytes);
    };
  }

 private:
  void TestBody() override {
    const InProcessEnd end = run_in_process(options_, body_);
    for (std::size_t r = 0; r < end.errors.size(); ++r) EXPECT_EQ(end.errors[r], "") << "on rank " << r;
  }

  WorldBody body_;
  InProcessOptions options_;
};

}  // namespace

bool register_world_test(const char* suite, const char* name, const char* file, int line, WorldBody body) {
  using enum Sends;
  for (const auto& [ranks, sends] : {std::pair{1, eager}, {2, eager}, {3, eager}, {3, synchronous}, {5, synchronous}, {8, eager},
                                     {16, synchronous}}) {
    const std::string test = concat(name, '/', ranks, sends == eager ? "" : "_synchronous");
    ::testing::RegisterTest(suite, test.c_str(), nullptr, nullptr, file, line, [body, ranks = ranks, sends = sends]() -> ::testing::Test* {
      return new WorldTest(body, ranks, sends);
    });
  }
  return true;
}

}  // namespace tersegrad::testing
