// What arrives from another rank: headers, and behind headers that passed their checks every compressor's payloads.
//
// An input: the compressor, the layout, the agents, the role (uplink, aggregate, partial sum, header), then the fields
// of the header that its receiver does not compare (flags, k, a false length), then the payload.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <tuple>

#include "compress/round_trip.hpp"
#include "fuzz/target.hpp"
#include "tersegrad/compress/capabilities/partial_sums.hpp"
#include "tersegrad/compress/capabilities/update.hpp"
#include "tersegrad/compress/wire/message.hpp"

namespace tersegrad::fuzz {
namespace {

constexpr Layout layouts[] = {{1, 1}, {7, 1}, {200, 1}, {1000, 1}, {50, 4}, {129, 2}};
constexpr std::uint64_t step = 9;
enum Role : std::uint8_t { uplink, aggregate, partial, whole_header, roles };

const std::vector<std::string>& specs() {
  static const auto all = [] {
    auto some = testing::one_round_specs();
    const auto more = testing::more_specs();
    some.insert(some.end(), more.begin(), more.end());
    return some;
  }();
  return all;
}

/// A compressor with what N well-behaved agents sent.
struct Sound {
  std::unique_ptr<Compressor> compressor;
  std::unique_ptr<Aggregator> aggregator;
  Bucket bucket;
  std::vector<Message> uplinks;
  Message mean;
  std::vector<Message> partials;  // one an agent, where there are partial sums

  Sound(const std::string& spec, const Layout& layout, std::uint32_t agents) {
    compressor = CompressorRegistry::instance().make(spec, CompressorSetup{layout, 3, agents});
    aggregator = compressor->aggregator();
    // A second bucket where there is one: indices count from its begin.
    const std::int64_t begin = layout.total() > 128 && compressor->traits().bucket_unit == 128 ? 128 : 0;
    bucket = {begin == 0 ? 0u : 1u, begin, layout.total()};
    aggregator->begin_step(step);
    uplinks.resize(agents);
    for (std::uint32_t a = 0; a < agents; ++a) {
      auto gradient = testing::normal_vector(static_cast<std::size_t>(layout.total()), a + 1);
      for (std::size_t j = a; j < gradient.size(); j += 5) gradient[j] = 0;
      const auto encoder = compressor->encoder(a);
      encoder->begin_step(step, gradient);
      encoder->encode(bucket, std::span<const float>(gradient).subspan(static_cast<std::size_t>(begin)), uplinks[a]);
      complete(uplinks[a], MessageKind::uplink, a);
    }
    std::vector<MessageView> views;
    for (const auto& message : uplinks) views.push_back(view(message));
    aggregator->aggregate(bucket, views, mean);
    complete(mean, MessageKind::aggregate, agents);
    for (std::uint32_t a = 0; aggregator->partial_sums() != nullptr && a < agents; ++a) {
      aggregator->partial_sums()->aggregate_partial(bucket, std::span(views).subspan(a, 1), partials.emplace_back());
      complete(partials.back(), MessageKind::partial, 1);
    }
  }

  void complete(Message& message, MessageKind kind, std::uint32_t agent) const {
    identify(message.header, expected(kind, agent));
  }
  Expected expected(MessageKind kind, std::uint32_t agent) const {
    return {kind, step, bucket, agent, compressor_id(compressor->name()), compressor->max_payload_bytes(bucket)};
  }
  /// The means of signs lie between −1 and 1, whatever arrives.
  bool is_sign() const {
    const auto name = compressor->name();
    return name.find("scaled") == std::string::npos && (name.starts_with("sign") || name.starts_with("majority"));
  }
};

Sound& sound(std::size_t spec, std::size_t layout, std::uint32_t agents) {
  static std::map<std::tuple<std::size_t, std::size_t, std::uint32_t>, std::unique_ptr<Sound>> all;
  auto& found = all[{spec, layout, agents}];
  if (!found) found = std::make_unique<Sound>(specs()[spec], layouts[layout], agents);
  return *found;
}

void decode(Sound& on, const MessageView& message, bool may_refuse) {
  std::vector<float> mean(static_cast<std::size_t>(on.bucket.size()));
  bool decoded = false;
  refused_or_read([&] {
    const auto plain = dense_view(*on.aggregator, on.bucket, message);
    require(plain.empty() || plain.size() == mean.size(), "a plain mean of another size");
    on.aggregator->decode(on.bucket, message, mean);
    decoded = true;
    if (!on.is_sign()) return;
    for (const float value : mean) require(std::abs(value) <= 1, "a mean of signs beyond 1");
  });
  require(decoded || may_refuse, "what aggregate made is refused by decode");
  // The other way of a step, straight into the parameters: no other opinion of the message, no other result.
  std::vector<float> x(mean.size());
  bool fused = true;
  refused_or_read([&] {
    fused = decode_axpy(*on.aggregator, on.bucket, message, 1.0f, x);
    require(decoded || !fused, "decode_axpy takes what decode refuses");
    for (std::size_t j = 0; fused && j < x.size(); ++j) {
      require(x[j] == 0 - mean[j] || std::isnan(mean[j]), "decode_axpy differs from decode");
    }
    decoded = false;
  });
  require(!decoded, "decode_axpy refuses what decode takes");
}

void aggregate_hostile(Sound& on, const MessageView& hostile, std::size_t place) {
  std::vector<MessageView> views;
  for (const auto& message : on.uplinks) views.push_back(view(message));
  views[place] = hostile;
  Message out;
  bool aggregated = false;
  refused_or_read([&] {
    on.aggregator->aggregate(on.bucket, views, out);
    aggregated = true;
  });
  if (!aggregated) return;
  require(out.header.payload_bytes == out.payload.size(), "the length in an aggregate's header");
  require(out.payload.size() <= on.compressor->max_payload_bytes(on.bucket), "an aggregate that is too long");
  decode(on, view(out), false);
}

void join(Sound& on, MessageView hostile, std::size_t place, std::uint32_t agents) {
  if (on.partials.empty()) return;
  std::vector<MessageView> views;
  for (const auto& message : on.partials) views.push_back(view(message));
  hostile.header.agent = agents;
  views[place] = hostile;
  Message out;
  bool joined = false;
  refused_or_read([&] {
    on.aggregator->partial_sums()->join_partials(on.bucket, views, out);
    joined = true;
  });
  if (joined) decode(on, view(out), false);
}

/// A header as it came: accepted only if it is the one that was expected.
void check_header(const Sound& on, std::span<const std::uint8_t> bytes) {
  Message sound_one = on.uplinks[0];
  Header header;
  std::memcpy(static_cast<void*>(&header), bytes.data(), std::min(bytes.size(), sizeof header));
  refused_or_read([&] {
    const Expected expected = on.expected(MessageKind::uplink, 0);
    check(header, expected, "rank 1");
    require(header.magic == Header::expected_magic && header.version == Header::expected_version &&
                header.kind == expected.kind && header.step == expected.step &&
                header.bucket == expected.bucket.index && header.agent == expected.agent &&
                header.compressor == expected.compressor &&
                header.dim == static_cast<std::uint64_t>(expected.bucket.size()) &&
                header.payload_bytes <= expected.max_payload_bytes,
            "a header that was not expected is accepted");
  });
}

}  // namespace

void one_input(std::span<const std::uint8_t> input) {
  Reader reader(input);
  const std::size_t spec = reader.byte() % specs().size(), layout = reader.byte() % std::size(layouts);
  const std::uint32_t agents = 1 + reader.byte() % 3;
  const auto role = static_cast<Role>(reader.byte() % roles);
  const std::size_t place = reader.byte() % agents;
  Sound& on = sound(spec, layout, agents);
  if (role == whole_header) {
    check_header(on, reader.rest());
    return;
  }
  Header header = role == uplink ? on.uplinks[place].header : role == aggregate ? on.mean.header : Header();
  if (role == partial && !on.partials.empty()) header = on.partials[place].header;
  header.flags ^= reader.byte();
  if (const auto change = reader.number(2); change != 0) header.k = change == 0xffff ? ~std::uint64_t{0} : change - 1;
  const std::uint8_t lie = reader.byte(), group = reader.byte();
  const auto payload = std::as_bytes(reader.rest());
  header.payload_bytes = lie < 250 ? payload.size() : lie == 255 ? ~std::uint64_t{0} : payload.size() + lie - 252;
  const MessageView hostile{header, payload};
  if (role == uplink) aggregate_hostile(on, hostile, place);
  if (role == aggregate) decode(on, hostile, true);
  if (role == partial) join(on, hostile, place, group < 250 ? group : ~std::uint32_t{0} - group);
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> all;
  const auto add = [&](std::size_t spec, std::size_t layout, std::uint32_t agents, Role role, const Message& message) {
    Bytes input{static_cast<std::uint8_t>(spec),
                static_cast<std::uint8_t>(layout),
                static_cast<std::uint8_t>(agents - 1),
                role,
                0,
                0,
                0,
                0,
                0,
                1};
    for (const auto byte : message.payload) input.push_back(std::to_integer<std::uint8_t>(byte));
    all.push_back(std::move(input));
  };
  for (std::size_t spec = 0; spec < specs().size(); ++spec) {
    for (const std::size_t layout : {std::size_t{1}, std::size_t{2}, spec % std::size(layouts)}) {
      const std::uint32_t agents = 1 + static_cast<std::uint32_t>((spec + layout) % 3);
      const Sound& on = sound(spec, layout, agents);
      add(spec, layout, agents, uplink, on.uplinks[0]);
      add(spec, layout, agents, aggregate, on.mean);
      if (!on.partials.empty()) add(spec, layout, agents, partial, on.partials[0]);
    }
  }
  Bytes header{0, 1, 0, whole_header, 0};
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&sound(0, 1, 1).uplinks[0].header);
  header.insert(header.end(), bytes, bytes + sizeof(Header));
  all.push_back(header);
  return all;
}

}  // namespace tersegrad::fuzz
