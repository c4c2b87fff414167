// A data set: points in the plane, of two classes, on two rings. Made up from the seed; it reads no files.
#include <cmath>

#include "tersegrad/core/plugin.hpp"
#include "tersegrad/core/random/random.hpp"
#include "tersegrad/data/dataset.hpp"

namespace {

using namespace tersegrad;

/// Rows first, first + 1, … of the endless list that a seed gives.
class RingExamples final : public Examples {
 public:
  RingExamples(std::uint64_t seed, std::int64_t first, std::int64_t rows) : seed_(seed), first_(first), rows_(rows) {}
  std::int64_t size() const override { return rows_; }
  std::int64_t label(std::int64_t row) const override { return (first_ + row) % 2; }
  void features(std::span<const std::int64_t> rows, std::span<float> out) const override {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Sequence random({seed_, Purpose::test, 0, static_cast<std::uint64_t>(first_ + rows[i])});
      const double angle = 6.283185307179586 * random.uniform();
      const double radius = 0.7 + static_cast<double>(label(rows[i])) + 0.4 * random.uniform();
      out[2 * i] = static_cast<float>(radius * std::cos(angle));
      out[2 * i + 1] = static_cast<float>(radius * std::sin(angle));
    }
  }

 private:
  std::uint64_t seed_;
  std::int64_t first_, rows_;
};

class Rings final : public Dataset {
 public:
  explicit Rings(const DataSource& source)
      : train_(source.seed, 0, source.samples > 0 ? source.samples : 800), test_(source.seed, 1 << 20, 200) {}
  std::string name() const override { return "rings"; }
  std::vector<std::int64_t> shape() const override { return {2}; }
  std::int64_t classes() const override { return 2; }
  const Examples& train() const override { return train_; }
  const Examples& test() const override { return test_; }

 private:
  RingExamples train_, test_;
};

const Registration<Dataset, const DataSource&> registration{
    "rings", "800 points on two rings in the plane, made up from the seed", {},
    [](const Arguments&, const DataSource& source) { return std::make_unique<Rings>(source); }};

const auto reads_no_files = built_in_datasets().insert("rings");

}  // namespace

TERSEGRAD_PLUGIN("rings", "1.0")
