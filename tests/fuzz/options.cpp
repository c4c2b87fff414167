// The spelling of plug-ins: the first byte chooses a family, the rest is what a user wrote.
#include <cmath>
#include <string>

#include "fuzz/target.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/data/dataset.hpp"
#include "tersegrad/log/sink.hpp"
#include "tersegrad/noise/noise.hpp"
#include "tersegrad/theory/landscapes/landscape.hpp"
#include "tersegrad/train/step/schedule.hpp"

namespace tersegrad::fuzz {
namespace {

enum Family : std::uint8_t { parser, compressor, noise, schedule, sink, landscape, data_set, families };

void numbers(const std::string& text) {
  std::int64_t whole = 0;
  double real = 0;
  if (parse_integer(text, whole))
    require(parse_real(text, real) || text.size() > 15, "a whole number that is no number");
  parse_real(text, real);
}

void make(Family family, const std::string& text) {
  switch (family) {
    case compressor: {
      const CompressorSetup setup{{96, 2}, 1, 3};
      const auto made = CompressorRegistry::instance().make(text, setup);
      const auto name = made->name();
      // A canonical name is a spelling of the same compressor.
      require(CompressorRegistry::instance().make(name, setup)->name() == name,
              "a canonical name that means something else");
      require(made->max_payload_bytes({0, 0, 192}) <= 1 << 20, "a payload that is too long");
      break;
    }
    case noise: {
      if (text.find('/') != std::string::npos || text.find("scales") != std::string::npos) break;  // names a file
      const auto made = NoiseRegistry::instance().make(text);
      std::vector<float> values(8, 1.0f);
      made->add(Stream({.seed = 1, .purpose = Purpose::noise}), 0, values, 1.0f);
      for (const float value : values) require(!std::isnan(value), "noise that is not a number");
      break;
    }
    case schedule: {
      const LearningRate rate(0.1, 100, 10, text);
      for (const std::uint64_t step : {0u, 9u, 10u, 99u}) {
        require(rate.at(step) >= 0 && rate.at(step) <= 0.1001, "a learning rate out of range");
      }
      break;
    }
    case sink:
      SinkRegistry::instance().make(text);
      break;
    case landscape: {
      const auto made = LandscapeRegistry::instance().make(text);
      require(made->dim() >= 1 && made->dim() <= 1'000'000'000, "a dimension out of range");
      require(LandscapeRegistry::instance().make(made->name())->name() == made->name(),
              "a canonical name that means something else");
      break;
    }
    case data_set:
      DatasetRegistry::instance().make(text, DataSource{.folder = "/nowhere", .seed = 1, .samples = 0});
      break;
    default: {
      const Spec spec = Spec::parse(text);
      require(!spec.name.empty() && spec.text == text, "what was parsed is not what was written");
      for (const auto& [key, value] : spec.arguments) numbers(value);
      // A wrapper and a plug-in of three arguments, one without default.
      const std::vector<Parameter> declared{{"first", "1", ""}, {"k", "", ""}, {"rest...", "none", ""}};
      const Arguments arguments("thing", spec, declared);
      numbers(arguments.text("k"));
      arguments.text("rest");
      arguments.integer("first", 0, 1000);
      break;
    }
  }
}

}  // namespace

void one_input(std::span<const std::uint8_t> input) {
  Reader reader(input);
  const auto family = static_cast<Family>(reader.byte() % families);
  const std::string text(reader.rest().begin(), reader.rest().end());
  numbers(text);
  refused_or_read([&] { make(family, text); });
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> all;
  const auto add = [&](Family family, std::string_view text) {
    Bytes input{family};
    input.insert(input.end(), text.begin(), text.end());
    all.push_back(std::move(input));
  };
  for (const char* text : {"a", "a:1,2:x=3", "a:k=0.01:first=7", "a:1:2:b:c,d=e", "1e6", "-0x1p53", "inf"})
    add(parser, text);
  for (const char* text : {"none:fp16", "sign:zero=random", "randk:0.01:wire=bf16", "topk:5", "ntopk:1.0",
                           "qsgd:4:block=48", "terngrad:0", "natural", "bernoulli:0.5", "majority:tie=zero",
                           "ef:topk:0.25", "ef21:scaled-sign", "signum:0.9:majority:plus", "scaled-sign"})
    add(compressor, text);
  for (const char* text :
       {"none", "gaussian:0.1", "student:3:0.1", "student:inf:0", "joint-student:2:1", "gaussian:1:growth=2"})
    add(noise, text);
  for (const char* text : {"constant", "cosine:0.1", "step:30:0.5"}) add(schedule, text);
  for (const char* text : {"console:style=live", "csv", "hdf5", "jsonl", "summary"}) add(sink, text);
  for (const char* text : {"quadratic:2,1x9", "quadratic:condition=100,dim=10", "rosenbrock:1:100", "saddle"})
    add(landscape, text);
  for (const char* text : {"breast-cancer", "mnist", "cifar10", "fashion-mnist"}) add(data_set, text);
  return all;
}

}  // namespace tersegrad::fuzz
