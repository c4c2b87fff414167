#include "tersegrad/compress/wire/message.hpp"

#include <gtest/gtest.h>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

const Bucket bucket{2, 1000, 1256};

Header good() {
  Header header;
  header.step = 7;
  header.bucket = 2;
  header.agent = 3;
  header.compressor = compressor_id("sign");
  header.dim = 256;
  header.payload_bytes = 32;
  return header;
}

std::string refusal(const Header& header) {
  try {
    check(header, {MessageKind::uplink, 7, bucket, 3, compressor_id("sign"), 64}, "rank 4");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Message, AcceptsWhatItExpects) { EXPECT_EQ(refusal(good()), ""); }

TEST(Message, EveryFieldIsChecked) {
  const auto with = [](auto change) {
    Header header = good();
    change(header);
    return refusal(header);
  };
  const auto names = [](const std::string& text, const char* field) {
    return text.find("rank 4") != std::string::npos && text.find("step 7") != std::string::npos &&
           text.find(field) != std::string::npos;
  };
  EXPECT_TRUE(names(with([](Header& h) { h.magic = 1; }), "magic"));
  EXPECT_TRUE(names(with([](Header& h) { h.version = 9; }), "version 9 (expected 5)"));
  EXPECT_TRUE(names(with([](Header& h) { h.kind = MessageKind::aggregate; }), "kind"));
  EXPECT_TRUE(names(with([](Header& h) { h.step = 8; }), "step 8 (expected 7)"));
  EXPECT_TRUE(names(with([](Header& h) { h.bucket = 1; }), "bucket 1"));
  EXPECT_TRUE(names(with([](Header& h) { h.agent = 2; }), "agent 2 (expected 3)"));
  EXPECT_TRUE(names(with([](Header& h) { h.compressor = 5; }), "compressor id"));
  EXPECT_TRUE(names(with([](Header& h) { h.dim = 255; }), "dimension 255 (expected 256)"));
  EXPECT_TRUE(names(with([](Header& h) { h.payload_bytes = 65; }), "65 payload bytes"));
  EXPECT_TRUE(names(with([](Header& h) { h.payload_bytes = ~0ull; }), "payload bytes"));
}

/// A message as it travels: 64 bytes of header, then the payload.
struct Travelling {
  Message message;
  explicit Travelling(std::size_t bytes) {
    message.header = good();
    message.header.k = 256;
    message.header.loss = 0.25f;
    message.payload.resize(bytes);
    message.header.payload_bytes = bytes;
    for (std::size_t i = 0; i < bytes; ++i) message.payload[i] = static_cast<std::byte>(7 * i + 1);
    add_checksum(message.header, message.payload);
  }
  std::size_t size() const { return sizeof(Header) + message.payload.size(); }
  void flip(std::size_t bit) {
    auto* bytes = bit / 8 < sizeof(Header) ? reinterpret_cast<std::byte*>(&message.header) + bit / 8
                                           : message.payload.data() + (bit / 8 - sizeof(Header));
    *bytes ^= static_cast<std::byte>(1u << (bit % 8));
  }
  std::string refusal() const {
    try {
      verify_checksum(message.header, message.payload, 4);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
};

TEST(Seal, EveryFlippedBitIsSeen) {
  for (const std::size_t bytes : {0u, 1u, 7u, 32u, 500u}) {
    Travelling sent(bytes);
    EXPECT_EQ(sent.refusal(), "");
    for (std::size_t bit = 0; bit < 8 * sent.size(); ++bit) {
      sent.flip(bit);
      EXPECT_NE(sent.refusal(), "") << "bit " << bit << " of a message with " << bytes << " payload bytes";
      sent.flip(bit);
    }
    EXPECT_EQ(sent.refusal(), "");
  }
}

TEST(Seal, ARefusalNamesWhoAndWhenAndWhatDiffered) {
  Travelling sent(32);
  const std::uint32_t expected = sent.message.header.crc32c;
  sent.flip(8 * 70);
  char wanted[32];
  std::snprintf(wanted, sizeof wanted, "expected %08x", expected);
  const std::string text = sent.refusal();
  for (const std::string part :
       {"rank 4", "agent 3", "step 7", "bucket 2", "32 payload bytes", static_cast<const char*>(wanted)}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in: " << text;
  }
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(Seal, TruncatedPaddedAndForeignPayloadsAreSeen) {
  Travelling sent(32);
  Travelling other(32);
  other.message.payload[5] ^= std::byte{1};
  for (const std::size_t bytes : {0u, 31u, 33u}) {
    Travelling bad = sent;
    bad.message.payload.resize(bytes);
    EXPECT_NE(bad.refusal(), "") << bytes;
  }
  sent.message.payload = other.message.payload;  // sound in itself, of another message
  EXPECT_NE(sent.refusal(), "");
}

TEST(Seal, DoesNotDependOnAnOlderOne) {
  Travelling sent(32);
  const Header sealed = sent.message.header;
  add_checksum(sent.message.header, sent.message.payload);
  EXPECT_EQ(sent.message.header.crc32c, sealed.crc32c);
}

}  // namespace
}  // namespace tersegrad
