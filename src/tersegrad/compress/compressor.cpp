#include "tersegrad/compress/compressor.hpp"

namespace tersegrad {

void Encoder::encode(const Bucket& bucket, std::span<const float> values, Message& message) {
  begin_contents(bucket, message.header);
  pack(bucket, values, message);
  complete_contents(message);
}

void Aggregator::aggregate(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) {
  begin_contents(bucket, aggregate.header);
  combine(bucket, uplinks, aggregate);
  complete_contents(aggregate);
}

}  // namespace tersegrad
