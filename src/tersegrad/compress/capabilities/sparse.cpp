#include "tersegrad/compress/capabilities/sparse.hpp"

#include "tersegrad/compress/compressor.hpp"

namespace tersegrad {

std::optional<SparseValues> decode_own_sparse(Encoder& encoder, const Bucket& bucket, const Message& message) {
  SparseEncoder* sparse = encoder.sparse();
  return sparse == nullptr ? std::nullopt : sparse->decode_own_sparse(bucket, message);
}

std::optional<SparseValues> decode_sparse(Aggregator& aggregator, const Bucket& bucket, const MessageView& aggregate) {
  SparseView* view = aggregator.sparse_view();
  return view == nullptr ? std::nullopt : view->decode_sparse(bucket, aggregate);
}

}  // namespace tersegrad
