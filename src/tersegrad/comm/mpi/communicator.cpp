#include "tersegrad/comm/mpi/communicator.hpp"

#include "tersegrad/comm/mpi/backoff.hpp"
#include "tersegrad/comm/mpi/channel.hpp"

namespace tersegrad {

Communicator::Communicator(int rank, int size)
    : rank_(rank), size_(size), sent_to_(static_cast<std::size_t>(size), 0), received_from_(sent_to_) {}

void Communicator::wait(Request& request) const {
  for (Backoff backoff; !ready(request);) backoff.pause();
}

void Communicator::sum(std::span<std::int64_t> values) const {
  Request request = start_sum(values);
  wait(request);
}

Request Communicator::start_send(std::span<const std::byte> bytes, int to, int tag) const {
  Request request = post_send(bytes, to, tag);
  if (tag >= first_bucket_tag) sent_to_[static_cast<std::size_t>(to)] += static_cast<std::int64_t>(bytes.size());
  return request;
}

Request Communicator::start_receive(std::span<std::byte> bytes, int from, int tag) const {
  Request request = post_receive(bytes, from, tag);
  if (tag >= first_bucket_tag) {
    received_from_[static_cast<std::size_t>(from)] += static_cast<std::int64_t>(bytes.size());
  }
  return request;
}

void Communicator::send(std::span<const std::byte> bytes, int to, int tag) const {
  Request request = start_send(bytes, to, tag);
  wait(request);
}

void Communicator::receive(std::span<std::byte> bytes, int from, int tag) const {
  Request request = start_receive(bytes, from, tag);
  wait(request);
}

}  // namespace tersegrad
