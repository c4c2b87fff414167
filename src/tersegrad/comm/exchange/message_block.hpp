// The messages of one rank's agents for one bucket, on their way to other ranks: headers first, then payloads.
#pragma once

#include <functional>
#include <list>
#include <span>
#include <vector>

#include "tersegrad/comm/mpi/channel.hpp"
#include "tersegrad/comm/mpi/transfer.hpp"
#include "tersegrad/compress/wire/message.hpp"

namespace tersegrad {

/// Which messages: both ends say the same.
struct MessageBlockId {
  std::uint64_t step = 0;
  std::uint32_t bucket = 0;
  Channel headers = Channel::uplink_headers;
  Channel payloads = Channel::uplink_payloads;
  bool verify = true;  ///< headers carry the checksum of themselves and of the payload that travels with them
  std::uint64_t piece = longest_piece;  ///< what a payload is cut into
};

/// Looks once whether some rank's headers of these messages are here to be received.
bool has_begun(const Communicator& comm, const MessageBlockId& id);

/// Sends a block of headers and the payloads of the first of them to any number of ranks. Payloads travel from
/// where they lie; messages stay alive and unchanged until done.
class OutgoingMessageBlock {
 public:
  /// \param headers all that travel \param messages whose payloads travel behind them
  OutgoingMessageBlock(const Communicator& comm, const MessageBlockId& id, std::vector<Header> headers,
                std::span<const Message> messages);
  void send_to(int rank);
  /// Looks once. \return whether all that was sent is out
  bool done();

 private:
  const Communicator& comm_;
  MessageBlockId id_;
  std::vector<Header> headers_;
  std::span<const Message> messages_;
  bool checksummed_ = false;
  std::list<Transfer> under_way_;
};

/// Receives one: the headers, which are checked, and only then the payloads whose lengths they announce; then the
/// seals.
class IncomingMessageBlock {
 public:
  using Check = std::function<void(std::span<const Header> headers, int from)>;

  /// \param headers how many come \param payloads the first so many bring a payload
  IncomingMessageBlock(const Communicator& comm, const MessageBlockId& id, int from, std::size_t headers, std::size_t payloads);

  /// Looks once.
  /// \param check throws if a header is not what it must be
  /// \param buffer receives the payloads; grows if need be, and stays untouched by others until this batch is dropped
  /// \return whether anything moved
  /// \throws Error naming the sender, the step and the bucket
  bool progress(const Check& check, Buffer<std::byte>& buffer);
  bool done() const { return stage_ == Stage::done; }

  int from() const { return from_; }
  std::span<const Header> headers() const { return headers_; }
  /// Message `i` of those with a payload, once done.
  MessageView message(std::size_t i) const { return {headers_[i], payloads_[i]}; }

 private:
  enum class Stage { headers, payloads, done };
  bool arrived(Transfer& transfer) const;
  void receive_payloads(Buffer<std::byte>& buffer);

  const Communicator* comm_;
  MessageBlockId id_;
  int from_;
  Stage stage_ = Stage::headers;
  std::vector<Header> headers_;
  std::vector<std::span<const std::byte>> payloads_;
  Transfer header_transfer_;
  struct Arriving {
    std::size_t message;
    Transfer transfer;
  };
  std::vector<Arriving> payload_transfers_;
};

}  // namespace tersegrad
