#include "tersegrad/core/plugin.hpp"

namespace tersegrad {

LoadingPlugin*& loading_plugin() {
  static LoadingPlugin* loading = nullptr;
  return loading;
}

}  // namespace tersegrad
