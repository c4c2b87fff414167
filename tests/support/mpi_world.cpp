// Worlds of MPI: the ranks that mpirun started. For tests whose main is mpi_main.cpp.
#include <list>

#include "support/world.hpp"
#include "tersegrad/comm/mpi/mpi_communicator.hpp"

/// Stands in for MPI's own, which it calls (MPI's profiling interface): the wire.
extern "C" int MPI_Isend(const void* buffer, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm,
                         MPI_Request* request) {
  const auto* damage = tersegrad::testing::FaultyWire::current();
  if (damage == nullptr) return PMPI_Isend(buffer, count, type, to, tag, comm, request);
  static std::list<std::vector<std::byte>> kept;  // alive until the program ends
  const auto* bytes = static_cast<const std::byte*>(buffer);
  auto& sent = kept.emplace_back(bytes, bytes + count);
  (*damage)(tag, sent);
  return PMPI_Isend(sent.data(), static_cast<int>(sent.size()), type, to, tag, comm, request);
}

namespace tersegrad::testing {
namespace {

class WorldTest final : public ::testing::Test {
 public:
  explicit WorldTest(WorldBody body) : body_(body) {}

 private:
  void TestBody() override { body_(MpiCommunicator(MPI_COMM_WORLD)); }
  WorldBody body_;
};

}  // namespace

bool register_world_test(const char* suite, const char* name, const char* file, int line, WorldBody body) {
  ::testing::RegisterTest(suite, name, nullptr, nullptr, file, line, [body]() -> ::testing::Test* { return new WorldTest(body); });
  return true;
}

}  // namespace tersegrad::testing
