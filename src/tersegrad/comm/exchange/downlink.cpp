#include "tersegrad/comm/exchange/downlink.hpp"

namespace tersegrad {

TreePlace binomial_place(int rank, int size, int root) {
  const int place = (rank - root + size) % size;  // the root's is 0; a parent lacks its child's lowest set bit
  TreePlace tree;
  int bit = 1;
  while (bit < size && (place & bit) == 0) bit <<= 1;
  if (place != 0) tree.parent = (place - bit + root) % size;
  for (bit >>= 1; bit > 0; bit >>= 1) {
    if (place + bit < size) tree.children.push_back((place + bit + root) % size);
  }
  return tree;
}

Downlink::Downlink(const Communicator& comm, TreePlace place, const Expected& expected, Message& aggregate,
                   bool verify)
    : comm_(comm), place_(std::move(place)), expected_(expected), aggregate_(aggregate), verify_(verify),
      stage_(place_.parent < 0 ? Stage::awaits_release : Stage::header) {
  if (stage_ == Stage::header) {
    incoming_ = Transfer::receive(comm_, bytes_of(std::span(&aggregate_.header, 1)), place_.parent,
                                  tag_of(expected_.bucket.index, Channel::aggregate_header));
  }
}

void Downlink::release() {
  if (verify_ && !place_.children.empty()) add_checksum(aggregate_.header, aggregate_.payload);
  hand_on();
}

bool Downlink::progress() {
  bool moved = false;
  if (stage_ == Stage::header && arrived()) {
    check(aggregate_.header, expected_, concat("rank ", place_.parent));
    aggregate_.payload.resize(aggregate_.header.payload_bytes);
    incoming_ = Transfer::receive(comm_, aggregate_.payload, place_.parent,
                                  tag_of(expected_.bucket.index, Channel::aggregate_payload));
    stage_ = Stage::payload;
    moved = true;
  }
  if (stage_ == Stage::payload && arrived()) {
    if (verify_) verify_checksum(aggregate_.header, aggregate_.payload, place_.parent);
    hand_on();
    moved = true;
  }
  if (stage_ == Stage::sent && !under_way_.empty()) {
    std::erase_if(under_way_, [](Transfer& transfer) { return transfer.done(); });
    moved |= under_way_.empty();
  }
  return moved;
}

void Downlink::hand_on() {
  for (const int child : place_.children) {
    under_way_.push_back(Transfer::send(comm_, bytes_of(std::span<const Header>(&aggregate_.header, 1)), child,
                                        tag_of(expected_.bucket.index, Channel::aggregate_header)));
    under_way_.push_back(
        Transfer::send(comm_, aggregate_.payload, child, tag_of(expected_.bucket.index, Channel::aggregate_payload)));
  }
  stage_ = Stage::sent;
}

bool Downlink::arrived() {
  try {
    return incoming_.done();
  } catch (const CommunicationError&) {
    throw;
  } catch (const Error& error) {
    throw Error(concat("aggregate from rank ", place_.parent, " at step ", expected_.step, ", bucket ",
                       expected_.bucket.index, ": ", error.what()));
  }
}

}  // namespace tersegrad
