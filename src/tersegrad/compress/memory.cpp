#include "tersegrad/compress/memory.hpp"

namespace tersegrad {

std::shared_ptr<const Compressor> make_for_feedback(const std::string& inner, const CompressorSetup& setup,
                                                    const std::string& wrapper) {
  std::shared_ptr<const Compressor> made = CompressorRegistry::instance().make(inner, setup);
  TERSEGRAD_CHECK(made->rounds() == nullptr, "error feedback around '", inner, "', which sends more than one vector a step; use ",
                  wrapper, ": within it, or a method that has its own");
  TERSEGRAD_CHECK(made->traits().feedback_scale() > 0, "error feedback with '", inner,
                  "' (neither unbiased nor contractive: the memory would not stay bounded); use e.g. ", wrapper,
                  ":topk:0.01 or ", wrapper, ":scaled-sign");
  return made;
}

}  // namespace tersegrad
