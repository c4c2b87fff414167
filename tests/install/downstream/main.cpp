// The registries of the installed library are full, and a model made through one runs.
#include <iostream>

#include "models/network.hpp"
#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/noise/noise.hpp"

int main() {
  using namespace tersegrad;
  const auto compressors = CompressorRegistry::instance().entries().size();
  const auto noises = NoiseRegistry::instance().entries().size();
  const auto model = NetworkRegistry::instance().make("logreg", NetworkShape{{30}, 2});
  const auto logits = model->forward(torch::zeros({5, 30}));
  std::cout << compressors << " compressors, " << noises << " noises, logits " << logits.sizes() << "\n";
  return compressors > 0 && noises > 0 && logits.size(0) == 5 && logits.size(1) == 2 ? 0 : 1;
}
