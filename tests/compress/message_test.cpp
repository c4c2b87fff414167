#include "tersegrad/compress/message.hpp"

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
  EXPECT_TRUE(names(with([](Header& h) { h.version = 9; }), "version 9 (expected 1)"));
  EXPECT_TRUE(names(with([](Header& h) { h.kind = MessageKind::aggregate; }), "kind"));
  EXPECT_TRUE(names(with([](Header& h) { h.step = 8; }), "step 8 (expected 7)"));
  EXPECT_TRUE(names(with([](Header& h) { h.bucket = 1; }), "bucket 1"));
  EXPECT_TRUE(names(with([](Header& h) { h.agent = 2; }), "agent 2 (expected 3)"));
  EXPECT_TRUE(names(with([](Header& h) { h.compressor = 5; }), "compressor id"));
  EXPECT_TRUE(names(with([](Header& h) { h.dim = 255; }), "dimension 255 (expected 256)"));
  EXPECT_TRUE(names(with([](Header& h) { h.payload_bytes = 65; }), "65 payload bytes"));
  EXPECT_TRUE(names(with([](Header& h) { h.payload_bytes = ~0ull; }), "payload bytes"));
}

}  // namespace
}  // namespace tersegrad
