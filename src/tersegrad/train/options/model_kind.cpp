#include "tersegrad/train/options/model_kind.hpp"

#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/theory/landscapes/landscape.hpp"

namespace tersegrad {

ModelKind model_kind(const std::string& model) {
  return LandscapeRegistry::instance().entries().contains(Spec::parse(model).name) ? ModelKind::landscape : ModelKind::network;
}

}  // namespace tersegrad
