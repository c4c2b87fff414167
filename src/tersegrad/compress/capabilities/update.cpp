#include "tersegrad/compress/capabilities/update.hpp"

#include "tersegrad/compress/capabilities/sparse.hpp"
#include "tersegrad/compress/compressor.hpp"

namespace tersegrad {

bool decode_axpy(Aggregator& aggregator, const Bucket& bucket, const MessageView& aggregate, float step, std::span<float> x) {
  if (FusedUpdate* fused = aggregator.fused_update()) return fused->decode_axpy(bucket, aggregate, step, x);
  const auto sparse = decode_sparse(aggregator, bucket, aggregate);
  if (!sparse) return false;
  // Coordinates far apart, each a line of memory: they are asked for well before their turn.
  constexpr std::size_t ahead = 64;
  const auto indices = sparse->indices;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (i + ahead < indices.size()) __builtin_prefetch(x.data() + (indices[i + ahead] - bucket.begin), 1);
    x[static_cast<std::size_t>(indices[i] - bucket.begin)] -= step * sparse->values[i];
  }
  return true;
}

std::span<const float> dense_view(Aggregator& aggregator, const Bucket& bucket, const MessageView& aggregate) {
  DenseView* view = aggregator.dense_view();
  return view == nullptr ? std::span<const float>() : view->dense_view(bucket, aggregate);
}

}  // namespace tersegrad
