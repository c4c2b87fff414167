#include "tersegrad/train/records/run_counters.hpp"

#include <bit>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

template <class Visit>
void visit_traffic(Traffic& traffic, Visit&& visit) {
  visit(traffic.uplink.payload), visit(traffic.uplink.header);
  visit(traffic.downlink.payload), visit(traffic.downlink.header), visit(traffic.within_nodes);
}

/// Every field in a fixed order, the parts' traffic after them; `links` travels as a flag and its six numbers.
template <class Counters, class Visit>
void visit_fields(Counters& c, std::int64_t& has_links, LinkTraffic& links, Visit&& visit) {
  visit(c.steps), visit(c.records), visit(c.nonfinite_steps), visit(c.skips_in_a_row);
  visit(c.loss_first), visit(c.loss_last), visit(c.elapsed_s), visit(c.evaluation_s);
  visit_traffic(c.traffic, visit);
  visit(c.time.compute), visit(c.time.compress), visit(c.time.exchange), visit(c.time.apply);
  auto& seen = links.measured;
  visit(has_links), visit(seen.sent_bytes), visit(seen.sent_packets), visit(seen.received_bytes),
      visit(seen.received_packets), visit(links.sent), visit(links.received);
  visit(c.noise_reports);
  auto& noise = c.noise_measured;
  visit(noise.step), visit(noise.coordinates), visit(noise.draws);
  visit(noise.tail.nu), visit(noise.tail.nu_low), visit(noise.tail.nu_high);
  visit(noise.sigma), visit(noise.sigma_low), visit(noise.sigma_high), visit(noise.trace), visit(noise.snr_median);
  visit(noise.snr_floor), visit(noise.psi), visit(noise.phase1), visit(noise.phase2), visit(noise.phase3);
  visit(noise.still), visit(noise.irregular);
}

}  // namespace

std::vector<std::uint64_t> RunCounters::words() const {
  std::vector<std::uint64_t> all;
  RunCounters copy = *this;
  std::int64_t has_links = links ? 1 : 0;
  LinkTraffic counted = links.value_or(LinkTraffic());
  visit_fields(copy, has_links, counted,
               [&](const auto& value) { all.push_back(std::bit_cast<std::uint64_t>(value)); });
  for (auto part : traffic_of_parts) {
    visit_traffic(part, [&](const auto& value) { all.push_back(std::bit_cast<std::uint64_t>(value)); });
  }
  return all;
}

RunCounters RunCounters::from_words(std::span<const std::uint64_t> words) {
  RunCounters counters;
  std::int64_t has_links = 0;
  LinkTraffic links;
  std::size_t count = 0;
  visit_fields(counters, has_links, links, [&](auto&) { ++count; });
  std::size_t of_part = 0;
  Traffic traffic;
  visit_traffic(traffic, [&](auto&) { ++of_part; });
  TERSEGRAD_CHECK(words.size() >= count && (words.size() - count) % of_part == 0, "a checkpoint counts ", words.size(),
                  " things (this program ", count, ")");
  std::size_t at = 0;
  visit_fields(counters, has_links, links,
               [&](auto& value) { value = std::bit_cast<std::remove_reference_t<decltype(value)>>(words[at++]); });
  if (has_links != 0) counters.links = links;
  while (at < words.size()) {
    visit_traffic(counters.traffic_of_parts.emplace_back(), [&](auto& value) { value = std::bit_cast<std::int64_t>(words[at++]); });
  }
  const auto& c = counters;
  // A run goes on adding to them: no sum may leave 64 bits.
  constexpr std::int64_t most = std::int64_t{1} << 60;
  const auto possible = [&](std::int64_t bytes) {
    TERSEGRAD_CHECK(bytes >= 0 && bytes <= most, "a checkpoint's counters are impossible (", bytes,
                    " bytes of traffic)");
  };
  traffic = c.traffic;
  visit_traffic(traffic, possible);
  for (Traffic of_one : c.traffic_of_parts) visit_traffic(of_one, possible);
  TERSEGRAD_CHECK(has_links == 0 || has_links == 1, "a checkpoint's counters are impossible");
  for (const std::int64_t count :
       {links.measured.sent_bytes, links.measured.sent_packets, links.measured.received_bytes,
        links.measured.received_packets, links.sent, links.received}) {
    TERSEGRAD_CHECK(count >= -most && count <= most, "a checkpoint's counters are impossible (", count,
                    " on the links)");
  }
  TERSEGRAD_CHECK(c.steps >= 1 && c.records >= 0 && c.records <= c.steps && c.nonfinite_steps >= 0 &&
                      c.nonfinite_steps <= c.steps && c.skips_in_a_row >= 0 && c.skips_in_a_row <= c.steps &&
                      c.noise_reports >= 0 && c.noise_reports <= c.steps,
                  "a checkpoint's counters are impossible");
  return counters;
}

}  // namespace tersegrad
