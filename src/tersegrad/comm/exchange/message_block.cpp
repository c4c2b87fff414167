#include "tersegrad/comm/exchange/message_block.hpp"

#include <algorithm>

namespace tersegrad {

bool has_begun(const Communicator& comm, const MessageBlockId& id) {
  return comm.probe(any_source, tag_of(id.bucket, id.headers)).has_value();
}

OutgoingMessageBlock::OutgoingMessageBlock(const Communicator& comm, const MessageBlockId& id, std::vector<Header> headers,
                             std::span<const Message> messages)
    : comm_(comm), id_(id), headers_(std::move(headers)), messages_(messages) {}

void OutgoingMessageBlock::send_to(int rank) {
  if (id_.verify && !checksummed_) {
    for (std::size_t i = 0; i < headers_.size(); ++i) {
      add_checksum(headers_[i],
           i < messages_.size() ? std::span<const std::byte>(messages_[i].payload) : std::span<const std::byte>());
    }
    checksummed_ = true;
  }
  const auto headers = bytes_of(std::span<const Header>(headers_));
  under_way_.push_back(Transfer::send(comm_, headers, rank, tag_of(id_.bucket, id_.headers)));
  for (const auto& message : messages_) {
    under_way_.push_back(Transfer::send(comm_, message.payload, rank, tag_of(id_.bucket, id_.payloads), id_.piece));
  }
}

bool OutgoingMessageBlock::done() {
  under_way_.remove_if([](Transfer& transfer) { return transfer.done(); });
  return under_way_.empty();
}

IncomingMessageBlock::IncomingMessageBlock(const Communicator& comm, const MessageBlockId& id, int from, std::size_t headers,
                             std::size_t payloads)
    : comm_(&comm), id_(id), from_(from), headers_(headers), payloads_(payloads) {
  header_transfer_ = Transfer::receive(comm, bytes_of(std::span(headers_)), from, tag_of(id.bucket, id.headers));
}

bool IncomingMessageBlock::progress(const Check& check, Buffer<std::byte>& buffer) {
  if (stage_ == Stage::done) return false;
  bool moved = false;
  if (stage_ == Stage::headers && arrived(header_transfer_)) {
    check(headers_, from_);
    for (std::size_t i = payloads_.size(); i < headers_.size() && id_.verify; ++i) verify_checksum(headers_[i], {}, from_);
    receive_payloads(buffer);
    stage_ = Stage::payloads;
    moved = true;
  }
  if (stage_ == Stage::payloads) {
    for (auto next = payload_transfers_.begin(); next != payload_transfers_.end();) {
      if (arrived(next->transfer)) {
        if (id_.verify) verify_checksum(headers_[next->message], payloads_[next->message], from_);
        next = payload_transfers_.erase(next);
      } else if (next->transfer.matched()) {
        ++next;
      } else {
        break;  // the payloads behind it come behind it
      }
    }
    if (payload_transfers_.empty()) {
      stage_ = Stage::done;
      moved = true;
    }
  }
  return moved;
}

void IncomingMessageBlock::receive_payloads(Buffer<std::byte>& buffer) {
  std::size_t total = 0;
  for (std::size_t i = 0; i < payloads_.size(); ++i) total += headers_[i].payload_bytes;
  if (buffer.size() < total) buffer.resize(total);
  std::size_t begin = 0;
  for (std::size_t i = 0; i < payloads_.size(); ++i) {
    const auto place = std::span(buffer).subspan(begin, headers_[i].payload_bytes);
    payloads_[i] = place;
    payload_transfers_.push_back({i, Transfer::receive(*comm_, place, from_, tag_of(id_.bucket, id_.payloads), id_.piece)});
    begin += place.size();
  }
}

bool IncomingMessageBlock::arrived(Transfer& transfer) const {
  try {
    return transfer.done();
  } catch (const CommunicationError&) {
    throw;
  } catch (const Error& error) {
    throw Error(concat("message from rank ", from_, " at step ", id_.step, ", bucket ", id_.bucket, ": ",
                       error.what()));
  }
}

}  // namespace tersegrad
