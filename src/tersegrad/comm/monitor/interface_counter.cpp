#include "tersegrad/comm/monitor/interface_counter.hpp"

#include <fstream>
#include <sstream>

#include "tersegrad/core/error.hpp"

namespace tersegrad {

InterfaceTraffic InterfaceTraffic::operator-(const InterfaceTraffic& other) const {
  return {sent_bytes - other.sent_bytes, sent_packets - other.sent_packets, received_bytes - other.received_bytes,
          received_packets - other.received_packets};
}

InterfaceTraffic InterfaceTraffic::operator+(const InterfaceTraffic& other) const {
  return {sent_bytes + other.sent_bytes, sent_packets + other.sent_packets, received_bytes + other.received_bytes,
          received_packets + other.received_packets};
}

InterfaceTraffic parse_interface(const std::string& text, const std::string& name) {
  // "  eth0: received-bytes packets errs drop fifo frame compressed multicast sent-bytes packets …"
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(':'), begin = line.find_first_not_of(' ');
    if (colon == std::string::npos || line.substr(begin, colon - begin) != name) continue;
    std::istringstream numbers(line.substr(colon + 1));
    std::int64_t values[10] = {};
    for (auto& value : values) numbers >> value;
    TERSEGRAD_CHECK(!numbers.fail(), "cannot read the counters of network interface '", name, "'");
    return {values[8], values[9], values[0], values[1]};
  }
  throw Error(concat("there is no network interface '", name, "'"));
}

InterfaceTraffic read_interface(const std::string& name) {
  std::ifstream file("/proc/net/dev");
  std::stringstream text;
  text << file.rdbuf();
  return parse_interface(text.str(), name);
}

}  // namespace tersegrad
