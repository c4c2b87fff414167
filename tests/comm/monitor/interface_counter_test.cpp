#include "tersegrad/comm/monitor/interface_counter.hpp"

#include <gtest/gtest.h>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

const char* const text =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier "
    "compressed\n"
    "    lo: 100 2 0 0 0 0 0 0 100 2 0 0 0 0 0 0\n"
    "  eth0:98765432101 1234 0 5 0 0 0 0 56789012345 678 0 0 0 0 0 0\n"
    " eth01: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"
    "  bad0: 1 2 x\n";

TEST(InterfaceCounter, ReadsTheNamedInterface) {
  const auto traffic = parse_interface(text, "eth0");
  EXPECT_EQ(traffic.received_bytes, 98765432101);
  EXPECT_EQ(traffic.received_packets, 1234);
  EXPECT_EQ(traffic.sent_bytes, 56789012345);
  EXPECT_EQ(traffic.sent_packets, 678);
  EXPECT_EQ((traffic - traffic).sent_bytes, 0);
}

TEST(InterfaceCounter, RefusesWhatIsNotThere) {
  EXPECT_THROW(parse_interface(text, "eth"), Error);
  EXPECT_THROW(parse_interface(text, "bad0"), Error);
  EXPECT_THROW(parse_interface("", "eth0"), Error);
  EXPECT_GE(read_interface("lo").sent_bytes, 0);  // every network namespace has it
  EXPECT_THROW(read_interface("no-such-interface"), Error);
}

}  // namespace
}  // namespace tersegrad
