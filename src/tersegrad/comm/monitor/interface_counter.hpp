// The operating system's own count of what crossed a network interface: what the traffic meter is checked against.
#pragma once

#include <cstdint>
#include <string>

namespace tersegrad {

/// Bytes and packets of an interface, each way.
struct InterfaceTraffic {
  std::int64_t sent_bytes = 0, sent_packets = 0;
  std::int64_t received_bytes = 0, received_packets = 0;

  InterfaceTraffic operator-(const InterfaceTraffic& other) const;
  InterfaceTraffic operator+(const InterfaceTraffic& other) const;
};

/// What Ethernet (14 bytes), IPv4 (20) and TCP with time stamps (32) add to a packet, bare acknowledgements included.
inline constexpr std::int64_t packet_overhead_bytes = 66;

/// The counters of `name` in this process's network namespace, since the interface exists (/proc/net/dev).
/// \throws Error if there is no such interface
InterfaceTraffic read_interface(const std::string& name);

/// The same from the text of /proc/net/dev.
InterfaceTraffic parse_interface(const std::string& text, const std::string& name);

}  // namespace tersegrad
