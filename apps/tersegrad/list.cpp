// tersegrad list: every plug-in with its arguments, from the same tables that make them.
#include <iostream>

#include "apps/common/command.hpp"
#include "models/registry.hpp"
#include "tersegrad/comm/exchange/exchange.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/terminal/table.hpp"
#include "tersegrad/data/dataset.hpp"
#include "tersegrad/log/sink.hpp"
#include "tersegrad/noise/noise.hpp"
#include "tersegrad/theory/landscapes/landscape.hpp"
#include "tersegrad/train/step/schedule.hpp"

namespace tersegrad {
namespace {

template <class Members>
void print_family(const char* family, const Members& registry) {
  const std::size_t width = output_columns();
  std::cout << family << "\n";
  for (const auto& [name, entry] : registry.entries()) {
    const std::string padding(name.size() < 16 ? 16 - name.size() : 1, ' ');
    const std::string owner = entry.plugin.empty() ? "" : concat(" (", entry.plugin, ")");
    std::cout << hanging(concat("  ", name, padding), entry.summary + owner, width);
    for (const auto& parameter : entry.parameters) {
      const std::string fallback = parameter.fallback.empty() ? "" : "=" + parameter.fallback;
      std::cout << hanging(concat("      ", parameter.name, fallback, "  "), parameter.help, width);
    }
  }
}

int run(int argc, char** argv) {
  cxxopts::Options options("tersegrad list", "Every plug-in with its arguments (name, default, meaning)");
  options.add_options()("h,help", "this text");
  bool done = false;
  parse_options(options, argc, argv, done);
  if (done) return 0;
  print_family("compressors (--compressor)", CompressorRegistry::instance());
  print_family("exchanges (--exchange)", ExchangeRegistry::instance());
  print_family("models (--model)", NetworkRegistry::instance());
  print_family("schedules (--schedule)", ScheduleRegistry::instance());
  print_family("noise (--noise)", NoiseRegistry::instance());
  print_family("data sets (--dataset)", DatasetRegistry::instance());
  print_family("log sinks (--log)", SinkRegistry::instance());
  print_family("landscapes (tersegrad theory)", LandscapeRegistry::instance());
  return 0;
}

const CatalogueEntry<Command> registration{"list", {"every plug-in with its arguments", run, false, true}};

}  // namespace
}  // namespace tersegrad
