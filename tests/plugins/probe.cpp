// Plug-ins that tests load, one a build: PROBE_NAME, PROBE_VERSION, and what is wrong with it.
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/plugin.hpp"
#include "tersegrad/data/dataset.hpp"

#ifdef PROBE_MISSING_SYMBOL
namespace tersegrad {
int no_such_function(int);
}
#endif

namespace {

using namespace tersegrad;

/// Registers PROBE_MEMBER, or nothing, with a summary that says what it finds in the registries.
struct Probe {
  Probe() {
    if (const char* marker = std::getenv("PROBE_MARKER")) std::ofstream(marker) << "ran\n";
#ifdef PROBE_THROWS
    throw std::runtime_error("no luck today");
#endif
#ifdef PROBE_CRASHES
    std::abort();
#endif
#ifdef PROBE_MISSING_SYMBOL
    if (no_such_function(1) == 2) return;
#endif
#ifdef PROBE_MEMBER
    auto& compressors = CompressorRegistry::instance();
    const std::string found = concat("finds ", compressors.entries().size(), " compressors and ", DatasetRegistry::instance().entries().size(),
                                     " data sets, ", compressors.entries().contains("block-sign") ? "block-sign too" : "no block-sign");
    compressors.add(PROBE_MEMBER, {found, {}, [](const Arguments&, const CompressorSetup& setup) {
                                     return CompressorRegistry::instance().make("none", setup);
                                   }});
#endif
  }
};
const Probe probe;

}  // namespace

#ifdef PROBE_OF_ANOTHER_VERSION
#undef TERSEGRAD_VERSION
#define TERSEGRAD_VERSION "0.0.9"
#endif
#ifndef PROBE_WITHOUT_STAMP
TERSEGRAD_PLUGIN(PROBE_NAME, PROBE_VERSION)
#endif
