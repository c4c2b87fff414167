// A block of messages between ranks of this process: what travels in which order, and what is refused.
#include "tersegrad/comm/exchange/message_block.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <mutex>

#include "support/in_process.hpp"
#include "tersegrad/comm/mpi/backoff.hpp"

namespace tersegrad {
namespace {

using namespace testing;

constexpr std::uint64_t step = 4;
constexpr Bucket bucket{2, 0, 1000};
constexpr int headers_tag = tag_of(bucket.index, Channel::uplink_headers);
constexpr int payloads_tag = tag_of(bucket.index, Channel::uplink_payloads);

std::vector<Message> messages_of(int rank, const std::vector<std::size_t>& lengths) {
  std::vector<Message> messages(lengths.size());
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    Message& message = messages[i];
    message.payload.resize(lengths[i]);
    for (std::size_t j = 0; j < lengths[i]; ++j) message.payload[j] = static_cast<std::byte>(31 * rank + 7 * static_cast<int>(i + j));
    identify(message.header, {MessageKind::uplink, step, bucket, static_cast<std::uint32_t>(i), 0});
    message.header.payload_bytes = lengths[i];
  }
  return messages;
}

std::vector<Header> headers_of(const std::vector<Message>& messages) {
  std::vector<Header> headers;
  for (const auto& message : messages) headers.push_back(message.header);
  return headers;
}

template <class Done>
void wait_until(const Done& done) {
  for (Backoff backoff; !done();) backoff.pause();
}

/// The header's fields, as an exchange checks them.
void check_headers(std::span<const Header> headers, int from) {
  Expected expected{MessageKind::uplink, step, bucket, 0, 0, 1u << 20};
  for (const auto& header : headers) {
    check(header, expected, concat("rank ", from));
    ++expected.agent;
  }
}

struct Case {
  std::vector<std::size_t> lengths = {5000, 0, 1, 70'000};
  bool verify = true;
  std::uint64_t piece = longest_piece;
  std::size_t headers_alone = 0;  ///< after the messages', of nothing that travels
  std::atomic<bool>* all_sent = nullptr;  ///< receivers look at nothing before: an end of theirs would keep what is not sent yet
};

MessageBlockId id_of(const Case& c) { return {.step = step, .bucket = bucket.index, .verify = c.verify, .piece = c.piece}; }

/// Rank 0 sends the block to all others, each of which says what it receives. \return how it ended
InProcessEnd carry(const InProcessOptions& options, const Case& c,
                   const std::function<void(const IncomingMessageBlock&)>& use = [](const IncomingMessageBlock&) {}) {
  return run_in_process(options, [&](const Communicator& world) {
    const std::size_t count = c.lengths.size() + c.headers_alone;
    if (world.rank() == 0) {
      const auto messages = messages_of(0, c.lengths);
      auto headers = headers_of(messages);
      for (std::size_t i = 0; i < c.headers_alone; ++i) {
        const auto agent = static_cast<std::uint32_t>(headers.size());
        identify(headers.emplace_back(), {MessageKind::uplink, step, bucket, agent, 0});
      }
      OutgoingMessageBlock out(world, id_of(c), headers, messages);
      for (int to = 1; to < world.size(); ++to) out.send_to(to);
      wait_until([&] { return out.done(); });
      if (c.all_sent != nullptr) *c.all_sent = true;
      return;
    }
    wait_until([&] { return has_begun(world, id_of(c)) && (c.all_sent == nullptr || *c.all_sent); });
    IncomingMessageBlock in(world, id_of(c), 0, count, c.lengths.size());
    Buffer<std::byte> buffer;
    wait_until([&] { return in.progress(check_headers, buffer), in.done(); });
    EXPECT_FALSE(in.progress(check_headers, buffer));  // nothing more comes
    ASSERT_EQ(in.headers().size(), count);
    use(in);
  });
}

TEST(MessageBlock, CarriesPayloadsOfAnyLengthToSeveralReceivers) {
  for (const Sends sends : {Sends::eager, Sends::synchronous}) {
    for (const bool verify : {true, false}) {
      for (const auto& lengths : std::vector<std::vector<std::size_t>>{{0}, {0, 0, 0}, {1}, {5000, 0, 1, 70'000}}) {
        const auto sent = messages_of(0, lengths);
        const auto end = carry({.ranks = 4, .sends = sends}, {.lengths = lengths, .verify = verify}, [&](const auto& in) {
          for (std::size_t i = 0; i < sent.size(); ++i) {
            EXPECT_EQ(in.from(), 0);
            EXPECT_EQ(in.message(i).header.payload_bytes, lengths[i]);
            EXPECT_TRUE(std::ranges::equal(in.message(i).payload, sent[i].payload)) << i;
          }
        });
        EXPECT_TRUE(end.all_returned()) << end.errors[1];
        EXPECT_EQ(end.unreceived, 0u);
      }
    }
  }
}

TEST(MessageBlock, PayloadsTravelInPieces) {
  std::mutex mutex;
  std::vector<std::size_t> pieces;
  const auto note = [&](int, int, int tag, std::vector<std::byte>& bytes) {
    const std::lock_guard lock(mutex);
    if (tag == payloads_tag) pieces.push_back(bytes.size());
  };
  const Case c{.lengths = {250, 100, 0, 99}, .piece = 100};
  const auto sent = messages_of(0, c.lengths);
  const auto end = carry({.ranks = 2, .sends = Sends::synchronous, .wire = note}, c, [&](const auto& in) {
    for (std::size_t i = 0; i < sent.size(); ++i) EXPECT_TRUE(std::ranges::equal(in.message(i).payload, sent[i].payload)) << i;
  });
  EXPECT_TRUE(end.all_returned()) << end.errors[1];
  EXPECT_EQ(pieces, (std::vector<std::size_t>{100, 100, 50, 100, 99}));
}

TEST(MessageBlock, HeadersGoFirst) {
  std::vector<int> tags;
  const auto note = [&](int, int, int tag, std::vector<std::byte>&) { tags.push_back(tag); };  // one sender
  EXPECT_TRUE(carry({.ranks = 3, .wire = note}, {.lengths = {10, 0, 20}}).all_returned());
  EXPECT_EQ(tags, (std::vector<int>{headers_tag, payloads_tag, payloads_tag, headers_tag, payloads_tag, payloads_tag}));
}

TEST(MessageBlock, NoPayloadIsReceivedBeforeItsHeaderIsRight) {
  std::atomic<bool> all_sent = false;
  const Case c{.all_sent = &all_sent};
  const auto spoil = [](int, int, int tag, std::vector<std::byte>& bytes) {
    if (tag != headers_tag) return;
    Header second;
    std::memcpy(&second, bytes.data() + sizeof(Header), sizeof second);
    second.step = 3;
    std::memcpy(bytes.data() + sizeof(Header), &second, sizeof second);
  };
  const auto end = carry({.ranks = 2, .wire = spoil}, c);
  EXPECT_EQ(end.errors[1], "message from rank 0 (agent 1) at step 4, bucket 2 has step 3 (expected 4)");
  EXPECT_EQ(end.unreceived, 3u);  // the payloads that are not empty
}

/// What the receiver says when a bit of the message with `tag` flips.
std::string flipped(const Case& c, int tag, std::size_t byte) {
  const auto flip = [&](int, int, int of, std::vector<std::byte>& bytes) {
    if (of == tag && byte < bytes.size()) bytes[byte] ^= std::byte{1};
  };
  return carry({.ranks = 2, .wire = flip}, c).errors[1];
}

TEST(MessageBlock, AFlippedBitIsSeenAndItsSenderNamed) {
  const Case c{.lengths = {300, 200}, .headers_alone = 1};
  const std::string begin = "message from rank 0 (agent ";
  for (const std::size_t byte : {0u, 17u, 299u}) {
    const std::string text = flipped(c, payloads_tag, byte);
    EXPECT_TRUE(text.starts_with(begin) && text.find("changed on the way") != std::string::npos) << text;
  }
  // Of each header (of two that have payloads, of one that travels alone) the loss, which no other check looks at.
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string text = flipped(c, headers_tag, i * sizeof(Header) + offsetof(Header, loss));
    EXPECT_TRUE(text.starts_with(concat(begin, i, ") at step 4, bucket 2 has checksum"))) << text;
  }
}

TEST(MessageBlock, WithoutChecksumsNobodyLooks) {
  const Case c{.lengths = {300}, .verify = false, .headers_alone = 1};
  EXPECT_EQ(flipped(c, payloads_tag, 17), "");
  EXPECT_EQ(flipped(c, headers_tag, sizeof(Header) + offsetof(Header, loss)), "");
  const auto end = carry({.ranks = 2}, c, [](const auto& in) {
    for (const auto& header : in.headers()) EXPECT_EQ(header.crc32c, 0u);
  });
  EXPECT_TRUE(end.all_returned());
}

TEST(MessageBlock, APayloadOfAnotherLengthIsRefused) {
  for (const std::size_t length : {99u, 101u, 0u}) {
    const auto cut = [&](int, int, int tag, std::vector<std::byte>& bytes) {
      if (tag == payloads_tag) bytes.resize(length);
    };
    const auto end = carry({.ranks = 2, .wire = cut}, {.lengths = {100}});
    EXPECT_EQ(end.errors[1], concat("message from rank 0 at step 4, bucket 2: rank 0 sent ", length, " bytes (announced 100)"));
  }
}

TEST(MessageBlock, IsDoneOnceAllReceiversHaveIt) {
  const auto end = run_in_process({.ranks = 3, .sends = Sends::synchronous}, [](const Communicator& world) {
    const auto id = id_of({});
    const auto messages = messages_of(0, {10});
    const auto receive = [&] {
      IncomingMessageBlock in(world, id, 0, 1, 1);
      Buffer<std::byte> buffer;
      wait_until([&] { return in.progress(check_headers, buffer), in.done(); });
    };
    if (world.rank() == 0) {
      OutgoingMessageBlock out(world, id, headers_of(messages), messages);
      EXPECT_TRUE(out.done());  // nothing was sent yet
      out.send_to(1);
      out.send_to(2);
      world.barrier();  // rank 1 has received
      EXPECT_FALSE(out.done());
      world.barrier();
      wait_until([&] { return out.done(); });
      return;
    }
    if (world.rank() == 1) receive();
    world.barrier();
    world.barrier();
    if (world.rank() == 2) receive();
  });
  EXPECT_TRUE(end.all_returned()) << end.errors[0] << end.errors[1];
}

}  // namespace
}  // namespace tersegrad
