// A sum over all ranks whose additions happen in one fixed order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/compress/wire/message.hpp"

namespace tersegrad {

/// What the headers of a running sum say: the same on all ranks, but for the numbers of agents.
struct SumIdentity {
  std::uint64_t step = 0;
  std::uint32_t bucket = 0;
  std::uint32_t compressor = 0;  ///< compressor_id
  bool verify = true;            ///< headers carry the checksum of themselves and of their segment
  /// Agents whose addends are in the sum that comes from the rank before, in the one that this rank sends on, in all.
  std::uint32_t before = 0, behind = 0, all = 0;
};

/// sum[j] = ((0 + a_0[j]) + a_1[j]) + …: over all ranks' addends, in rank order and within a rank in the given
/// order, on every rank. The bits depend on the addends and their order alone, not on how they lie on ranks.
///
/// A pipelined chain: segment by segment the running sum passes the ranks in order, each adding its own, and the
/// last rank's result passes back while later segments still go up. A rank sends and receives at most 2·4n bytes and
/// the headers; full-duplex links carry both ways at once. Every rank makes one, with the same tags; several with tags
/// of their own may be under way together.
///
/// A segment travels as a message of its own, header first: of kind `partial` on its way up, `aggregate` on its way
/// back, k its number. A receive is posted once the header is right and the message behind it has the length that it
/// must have (see Transfer); the checksum is compared before a value is used or passed on.
class OrderedSum {
 public:
  /// \param addends this rank's, unaligned fp32 of sum.size() values each, alive until done; may be none
  OrderedSum(const Communicator& comm, const SumIdentity& identity, std::vector<const std::byte*> addends,
             std::span<float> sum, int tag_up, int tag_down);
  /// Looks once. \return whether anything moved \throws Error naming sender, step and bucket if what came is wrong
  bool progress();
  bool done() const { return down_ == segments_ && sent_; }

  /// How many messages carry a sum of so many values from one rank to the next.
  static std::size_t segments_of(std::size_t values);

 private:
  /// The segments from one neighbour, in order.
  struct Incoming {
    int from, tag;
    Header expected;
    std::vector<Header> headers;
    std::vector<Request> payloads;
    std::size_t posted = 0;  // segments whose receive is under way or done
    Request header = {};     // of the next one
    enum class Stage { expected, coming, right } stage = Stage::expected;
  };
  /// Those to one neighbour.
  struct Outgoing {
    int to, tag;
    std::vector<Request> headers, payloads;
  };

  std::span<float> part(std::size_t segment) const;
  Header header_of(MessageKind kind, std::uint32_t agents) const;
  void number(Header& header, std::size_t segment) const;
  bool receive(Incoming& incoming, std::size_t limit);
  void check_header(const Incoming& incoming) const;
  bool post(const Incoming& incoming, std::span<std::byte> place, Request& request);
  bool arrived(Incoming& incoming, std::size_t segment);
  void send(Outgoing& outgoing, std::size_t segment, const Header& header);
  bool add_next();

  const Communicator& comm_;
  SumIdentity identity_;
  std::vector<const std::byte*> addends_;
  std::span<float> sum_;
  bool first_, last_;
  bool sent_ = false;
  std::size_t segments_;
  std::size_t up_ = 0, asked_ = 0, down_ = 0;  // segments: added here, awaited from above, finished
  Incoming up_in_, down_in_;
  Outgoing up_out_, down_out_;
  std::vector<Header> headers_up_, headers_down_;  // what this rank says of its own results
};

/// The same, waited for, with checksums. Collective. \throws Error as progress()
void ordered_sum(const Communicator& comm, std::span<const std::byte* const> addends, std::span<float> sum);

/// sum[j] += values[j]; the values may lie at any byte.
void add_values(const std::byte* values, std::span<float> sum);

}  // namespace tersegrad
