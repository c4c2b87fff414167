// The wire format, held against what version 0.1.0 sent: lengths and checksums of messages of a fixed gradient.
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <map>
#include <sstream>

#include "conformance/conformance.hpp"
#include "tersegrad/compress/capabilities/partial_sums.hpp"

namespace tersegrad::testing {
namespace {

namespace fs = std::filesystem;

/// Three agents' gradients, in whole 1024ths with zeros, made without any rounding.
Vectors fixed_gradients(std::int64_t size) {
  Vectors gradients;
  std::uint32_t state = 1;
  for (int a = 0; a < 3; ++a) {
    auto& values = gradients.emplace_back();
    for (std::int64_t j = 0; j < size; ++j) {
      state = state * 1664525u + 1013904223u;
      const auto drawn = static_cast<std::int32_t>(state >> 20) - 2048;
      values.push_back(j % 11 == a ? 0.0f : static_cast<float>(drawn) / 1024);
    }
  }
  return gradients;
}

/// What travels, header and payload, as its sender completes it: one line a message.
std::vector<std::string> messages_of(const std::string& spec) {
  const Layout layout{100, 3};
  const std::uint64_t step = 7;
  const auto compressor = make(spec, layout, 3, 1);
  const auto gradients = fixed_gradients(layout.total());
  Session session(*compressor, 3);
  for (std::size_t a = 0; a < 3; ++a) session.encoders[a]->begin_step(step, gradients[a]);
  session.aggregator->begin_step(step);
  std::vector<std::string> lines;
  const auto add = [&](const std::string& sender, MessageKind kind, const Bucket& bucket, std::uint32_t agent, Message& message) {
    identify(message.header, {kind, step, bucket, agent, compressor_id(compressor->name())});
    message.header.loss = 0.5f;
    add_checksum(message.header, message.payload);
    std::ostringstream line;
    line << spec << " bucket " << bucket.index << " " << sender << ": flags " << int{message.header.flags} << ", k " << message.header.k
         << ", " << message.header.payload_bytes << " bytes, CRC-32C " << std::hex << std::setw(8) << std::setfill('0')
         << message.header.crc32c;
    lines.push_back(line.str());
  };
  for (const Bucket& bucket : two_buckets(*compressor, 300, 256)) {
    std::vector<Message> messages(3);
    std::vector<MessageView> views;
    for (std::uint32_t a = 0; a < 3; ++a) {
      session.encoders[a]->encode(bucket, part_of(std::span(gradients[a]), bucket), messages[a]);
      if (a == 0) add("agent 0", MessageKind::uplink, bucket, a, messages[a]);
      views.push_back(view(messages[a]));
    }
    Message aggregate;
    session.aggregator->aggregate(bucket, views, aggregate);
    add("aggregate", MessageKind::aggregate, bucket, 3, aggregate);
    if (session.aggregator->partial_sums() == nullptr) continue;
    Message partial;
    session.aggregator->partial_sums()->aggregate_partial(bucket, std::span(views).first(2), partial);
    add("partial sum", MessageKind::partial, bucket, 2, partial);
  }
  return lines;
}

/// The file that holds messages of a wire version; empty if none does. Its first line is "wire version N".
fs::path golden_of(int version) {
  for (const auto& folder : fs::directory_iterator(TERSEGRAD_GOLDEN)) {
    std::ifstream in(folder.path() / "messages");
    std::string line;
    if (std::getline(in, line) && line == concat("wire version ", version)) return folder.path() / "messages";
  }
  return {};
}

/// A compressor that came later is in a later version's file.
TEST(Messages, AreThoseOfTheGoldenFile) {
  const auto path = golden_of(Header::expected_version);
  ASSERT_FALSE(path.empty()) << "no tests/golden/VERSION/messages is of wire version " << Header::expected_version
                             << ": write one, its first line 'wire version N', then the lines of messages_of";
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  std::map<std::string, std::vector<std::string>> golden;  // by spec
  while (std::getline(in, line)) golden[line.substr(0, line.find(' '))].push_back(line);
  EXPECT_GE(golden.size(), 40u);
  for (const auto& [spec, lines] : golden) {
    EXPECT_EQ(messages_of(spec), lines) << "'" << path.string() << "' holds other messages of " << spec
        << ": programs of both versions would not understand one another. Raise Header::expected_version and write a new file.";
  }
}

/// The header itself, byte by byte: the checksums above would not say where a field has gone.
TEST(Messages, AHeaderLiesAsTheWireSays) {
  Header header;
  header.control = 0x02;
  header.flags = 0x03;
  header.step = 0x1112131415161718;
  header.bucket = 0x21222324;
  header.agent = 0x31323334;
  header.compressor = 0x41424344;
  header.nonfinite = 0x51525354;
  header.dim = 0x6162636465666768;
  header.k = 0x7172737475767778;
  header.payload_bytes = 0x8182838485868788;
  header.loss = 1;
  header.crc32c = 0x91929394;
  std::ostringstream bytes;
  for (std::size_t i = 0; i < sizeof header; ++i) {
    bytes << std::hex << std::setw(2) << std::setfill('0') << int{reinterpret_cast<const unsigned char*>(&header)[i]};
  }
  EXPECT_EQ(bytes.str(), "5447524405020103" "1817161514131211" "2423222134333231" "4443424154535251"
                         "6867666564636261" "7877767574737271" "8887868584838281" "0000803f94939291");
}

}  // namespace
}  // namespace tersegrad::testing
