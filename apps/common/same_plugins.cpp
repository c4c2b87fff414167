#include "apps/common/same_plugins.hpp"

#include <cstdint>
#include <span>

#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/core/system/plugins.hpp"

namespace tersegrad {

void require_same_plugins(const Communicator& world) {
  collectively(world, [] {});
  auto most = static_cast<std::int64_t>(loaded_plugins().size());
  world.sum(std::span(&most, 1));
  if (most == 0) return;
  require_same(world, loaded_plugins().empty() ? "none" : loaded_plugins_text(), "the plug-ins", "give every rank the same --plugin, and every machine the same file");
}

}  // namespace tersegrad
