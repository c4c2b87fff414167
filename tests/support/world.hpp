// Tests of what ranks do together, written once: under MPI on the ranks that mpirun started, and in one process on worlds of
// several sizes. Each program links one of mpi_world.cpp and in_process_world.cpp.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "tersegrad/comm/mpi/communicator.hpp"

namespace tersegrad::testing {

using WorldBody = void (*)(const Communicator& world);

/// Registers the test suite.name, or suite.name/P for each size P of a world. \return true
bool register_world_test(const char* suite, const char* name, const char* file, int line, WorldBody body);

/// What the wire does to messages of this process's ranks, while it lives: damages them. Each rank makes its own.
class FaultyWire {
 public:
  /// May change what a message of this rank says. Called for every one, on the rank that made this object.
  using Damage = std::function<void(int tag, std::vector<std::byte>& bytes)>;
  explicit FaultyWire(Damage damage);
  ~FaultyWire();
  FaultyWire(const FaultyWire&) = delete;
  FaultyWire& operator=(const FaultyWire&) = delete;
  /// Of this thread; null: there is none.
  static const Damage* current();

 private:
  Damage damage_;
};

}  // namespace tersegrad::testing

/// TEST with the ranks' communicator as `world`. The body runs on every rank; what it asserts on one fails the test.
#define TERSEGRAD_WORLD_TEST(suite, name)                                                                         \
  static void suite##_##name##_body(const ::tersegrad::Communicator& world);                                      \
  [[maybe_unused]] static const bool suite##_##name##_registered =                                                \
      ::tersegrad::testing::register_world_test(#suite, #name, __FILE__, __LINE__, &suite##_##name##_body);       \
  static void suite##_##name##_body([[maybe_unused]] const ::tersegrad::Communicator& world)
