// Checkpoints: the file, the folder of them, and what a resumed run reads of their sections.
//
// An input: what is done with it (the file is parsed; it is the newest of a folder; its configuration and counters are
// read), which checksums and lengths are made right again first (else no mutation would get behind them), the content.
#include <algorithm>
#include <cstring>
#include <limits>

#include "fuzz/folder.hpp"
#include "tersegrad/core/hash.hpp"
#include "tersegrad/train/checkpoint/checkpoint_folder.hpp"
#include "tersegrad/train/checkpoint/resumption.hpp"
#include "tersegrad/train/options/read_options.hpp"

namespace tersegrad::fuzz {
namespace {

constexpr std::uint64_t step = 7, older_step = 3;
constexpr std::size_t head = 40, entry = 64;  // bytes of the file's header, and of a section in its table
enum Use : std::uint8_t { parsed, parsed_too, newest, sections, uses };
enum Repair : std::uint8_t { length = 1, contents = 2, table = 4, everything = 7 };

TrainConfig the_run() {
  TrainConfig config;
  config.schedule = "cosine:0.1";
  config.warmup = 3;
  config.momentum = 0.9;
  config.steps = 100;
  config.sinks = {"hdf5", "csv"};
  return config;
}

RunCounters some_counters() {
  RunCounters counters;
  counters.steps = step;
  counters.records = 5;
  counters.loss_first = 0.7;
  counters.elapsed_s = 1.5;
  counters.traffic.uplink.payload = 1234;
  counters.links = LinkTraffic{{1, 2, 3, 4}, 5, 6};
  return counters;
}

std::uint64_t word(const Bytes& file, std::size_t at) {
  std::uint64_t value = 0;
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}
void set_word(Bytes& file, std::size_t at, std::uint64_t value) { std::memcpy(file.data() + at, &value, sizeof value); }

/// Sets lengths and checksums as a writer would have, as far as the file is one.
void repair(Bytes& file, std::uint8_t what) {
  if (file.size() < head) return;
  if (what & length) set_word(file, 24, file.size());
  const std::size_t behind = std::min<std::size_t>(word(file, 8) >> 32, (file.size() - head) / entry) * entry + head;
  std::size_t at = behind;
  for (std::size_t e = head; (what & contents) && e < behind; e += entry) {
    const std::uint64_t bytes = word(file, e + 48);
    if (bytes > file.size() - at) break;
    set_word(file, e + 56, fingerprint(std::as_bytes(std::span(file)).subspan(at, bytes)));
    at = std::min<std::size_t>((at + bytes - behind + 63) / 64 * 64 + behind, file.size());
  }
  if (what & table) {
    set_word(file, 32, 0);
    set_word(file, 32, fingerprint(std::as_bytes(std::span(file)).first(behind)));
  }
}

/// Sound by its checksums, and still from nobody knows where.
void read_sections(const CheckpointView& view) {
  static const TrainConfig config = the_run();
  refused_or_read([&] { require_resumable(view, config); });
  refused_or_read([&] {
    // What a run would go on with, and would keep in its own next checkpoint.
    const TrainConfig resumed = read_options(OptionValues::of_lines(configuration_of(view)));
    require(read_options(OptionValues::of_lines(resumed.lines())).lines() == resumed.lines(), "options that change on the way");
  });
  refused_or_read([&] {
    const RunCounters counters = counters_of(view);
    require(counters.steps >= 1 && counters.records <= counters.steps, "counters that are impossible");
    // What a run adds to, added.
    Traffic traffic = counters.traffic;
    traffic += counters.traffic;
    require(traffic.uplink.total() >= 0 && traffic.downlink.total() >= 0, "negative traffic");
    if (counters.links) {
      const auto& seen = counters.links->measured;
      require(counters.links->sent + counters.links->received > std::numeric_limits<std::int64_t>::min(),
              "what was counted");
      require(seen.sent_bytes + seen.sent_packets > std::numeric_limits<std::int64_t>::min() &&
                  seen.received_bytes + seen.received_packets > std::numeric_limits<std::int64_t>::min(),
              "what was measured");
    }
    const auto words = counters.words();
    require(std::ranges::equal(std::as_bytes(std::span(words)), view.section("counters")) || !counters.links,
            "other counters than were read");
  });
  refused_or_read([&] {
    const auto held = held_record_of(view);
    require(held.size() <= 0xffff'ffff, "a record longer than any file");
  });
  refused_or_read([&] { require(sized_section(view, "parameters", 80).size() == 80, "a section of another length"); });
}

void parse(const Bytes& file) {
  refused_or_read([&] {
    const CheckpointView view = parse_checkpoint(std::as_bytes(std::span(file)), "input");
    const auto* end = reinterpret_cast<const std::byte*>(file.data()) + file.size();
    std::size_t bytes = head;
    for (const auto& section : view.sections) {
      require(!section.name.empty() && section.name.size() < 48, "a section's name");
      require(section.bytes.size() <= file.size() && section.bytes.data() + section.bytes.size() <= end,
              "a section beyond the file");
      bytes += entry + (section.bytes.size() + 63) / 64 * 64;
    }
    require(bytes == file.size(), "sections that are not the file");
    read_sections(view);
  });
}

/// Whatever the newest checkpoint is, a run goes on: from it, or from the one before. It is left alone if another
/// version has written it.
void take_newest(const Bytes& file) {
  static const Folder folder;
  static const CheckpointFolder checkpoints = [] {
    const CheckpointFolder empty(folder.path());
    std::filesystem::create_directory(empty.path());
    write_checkpoint(empty.file(older_step), {older_step, {{"parameters", {}}}});
    return empty;
  }();
  put(checkpoints.file(step), file);
  int remarks = 0;
  CheckpointFile taken;
  try {
    taken = checkpoints.newest([&](const std::string& text) {
      require(text.find('\n') == std::string::npos, "a remark of more than one line");
      ++remarks;
    });
  } catch (const Error& error) {  // sound, for a program that knows its version
    require(std::string(error.what()).find("format version") != std::string::npos, "a refusal for another reason");
    return;
  }
  require(taken.view.step == (remarks == 0 ? step : older_step), "a checkpoint of another step");
  if (remarks > 0) return;
  // Nothing is read but what is written.
  write_checkpoint(folder.path() / "again", taken.view);
  require(content_of(folder.path() / "again") == file, "a file that nobody writes is read");
}

}  // namespace

void one_input(std::span<const std::uint8_t> input) {
  Reader reader(input);
  const std::uint8_t use = reader.byte() % uses, repaired = reader.byte();
  if (use == sections) {
    const auto wanted = static_cast<std::size_t>(reader.number(2));
    const auto content = std::as_bytes(reader.rest());
    const std::size_t cut = std::min(wanted, content.size());
    read_sections({step,
                   {{"configuration", content.first(cut)},
                    {"counters", content.subspan(cut)},
                    {"parameters", content.first(0)}}});
    return;
  }
  Bytes file(reader.rest().begin(), reader.rest().end());
  repair(file, repaired);
  if (use == newest) take_newest(file);
  else parse(file);
}

std::vector<Bytes> seeds() {
  const Folder folder;
  std::vector<Bytes> all;
  const auto add = [&](Use use, std::uint8_t repaired, const Bytes& content) {
    Bytes input{use, repaired};
    input.insert(input.end(), content.begin(), content.end());
    all.push_back(std::move(input));
  };
  const auto words = some_counters().words();
  const std::vector<float> parameters(20, 0.5f);
  for (const std::int64_t steps : {100, 50}) {
    TrainConfig config = the_run();
    config.steps = steps;
    const std::string lines = config.lines();
    const CheckpointView view{step, {{"configuration", std::as_bytes(std::span(lines))},
                                     {"counters", std::as_bytes(std::span(words))},
                                     {"parameters", std::as_bytes(std::span(parameters))},
                                     {"velocity", std::as_bytes(std::span(parameters))},
                                     {"encoder/memory", std::as_bytes(std::span(parameters)).first(12)}}};
    write_checkpoint(folder.path() / "whole", view);
    const Bytes whole = content_of(folder.path() / "whole");
    for (const Use use : {parsed, newest}) {
      add(use, everything, whole);
      add(use, 0, whole);
    }
    Bytes content{static_cast<std::uint8_t>(lines.size() % 256), static_cast<std::uint8_t>(lines.size() / 256)};
    for (const auto& section : {view.sections[0].bytes, view.sections[1].bytes}) {
      for (const auto byte : section) content.push_back(std::to_integer<std::uint8_t>(byte));
    }
    add(sections, 0, content);
  }
  // Small ones: mutations find the table sooner.
  for (const std::size_t size : {0, 1, 64}) {
    const auto some = std::as_bytes(std::span(parameters)).first(size);
    write_checkpoint(folder.path() / "small", {step, {{"a", some}, {"b/c", some}}});
    for (const Use use : {parsed, newest}) add(use, everything, content_of(folder.path() / "small"));
  }
  return all;
}

}  // namespace tersegrad::fuzz
