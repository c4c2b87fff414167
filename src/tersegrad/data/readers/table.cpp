#include "tersegrad/data/readers/table.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "tersegrad/data/split.hpp"

namespace tersegrad {
namespace {

class TableExamples final : public Examples {
 public:
  TableExamples(std::vector<float> features, std::vector<std::int64_t> labels)
      : features_(std::move(features)), labels_(std::move(labels)) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }

  void features(std::span<const std::int64_t> rows, std::span<float> out) const override {
    const std::size_t width = features_.size() / labels_.size();
    assert(out.size() == rows.size() * width);
    auto to = out.begin();
    for (const std::int64_t row : rows) {
      assert(row >= 0 && row < size());
      to = std::copy_n(features_.begin() + row * static_cast<std::int64_t>(width), width, to);
    }
  }

  std::int64_t label(std::int64_t row) const override {
    assert(row >= 0 && row < size());
    return labels_[static_cast<std::size_t>(row)];
  }

 private:
  std::vector<float> features_;
  std::vector<std::int64_t> labels_;
};

/// Mean and standard deviation (divided by n) of each feature over the given rows.
struct Standard {
  std::vector<double> mean;
  std::vector<double> deviation;
};

Standard measure(const NumberTable& table, const std::vector<std::int64_t>& rows) {
  Standard standard;
  const auto count = static_cast<double>(rows.size());
  for (std::int64_t column = 0; column + 1 < table.width; ++column) {
    double sum = 0;
    for (const std::int64_t row : rows) sum += table.at(row, column);
    const double mean = sum / count;
    double squares = 0;
    for (const std::int64_t row : rows) squares += (table.at(row, column) - mean) * (table.at(row, column) - mean);
    standard.mean.push_back(mean);
    standard.deviation.push_back(std::sqrt(squares / count));
  }
  return standard;
}

TableExamples make_examples(const NumberTable& table, const std::vector<std::int64_t>& rows, const Standard& standard) {
  std::vector<float> features;
  std::vector<std::int64_t> labels;
  for (const std::int64_t row : rows) {
    for (std::int64_t column = 0; column + 1 < table.width; ++column) {
      const auto c = static_cast<std::size_t>(column);
      const double centred = table.at(row, column) - standard.mean[c];
      features.push_back(standard.deviation[c] > 0 ? static_cast<float>(centred / standard.deviation[c]) : 0.0f);
    }
    labels.push_back(static_cast<std::int64_t>(table.at(row, table.width - 1)));
  }
  return {std::move(features), std::move(labels)};
}

class TableDataset final : public Dataset {
 public:
  TableDataset(std::string name, std::vector<std::string> class_names, std::int64_t width, TableExamples train,
               TableExamples test)
      : name_(std::move(name)),
        class_names_(std::move(class_names)),
        width_(width),
        train_(std::move(train)),
        test_(std::move(test)) {}
  std::string name() const override { return name_; }
  std::vector<std::int64_t> shape() const override { return {width_}; }
  std::int64_t classes() const override { return static_cast<std::int64_t>(class_names_.size()); }
  std::vector<std::string> class_names() const override { return class_names_; }
  const Examples& train() const override { return train_; }
  const Examples& test() const override { return test_; }

 private:
  std::string name_;
  std::vector<std::string> class_names_;
  std::int64_t width_;
  TableExamples train_;
  TableExamples test_;
};

}  // namespace

std::unique_ptr<Dataset> make_table_dataset(const std::string& name, const std::vector<std::string>& class_names,
                                            const NumberTable& table, const ByteStream& origin,
                                            const DataSource& source) {
  if (table.width < 2) origin.fail("has ", table.width, " column (expected at least one feature and the class)");
  const auto classes = static_cast<double>(class_names.size());
  for (std::int64_t row = 0; row < table.rows; ++row) {
    const double label = table.at(row, table.width - 1);
    if (!(label >= 0 && label < classes && label == std::floor(label))) {
      origin.fail("has the class ", label, " in row ", row + 1, " (expected a whole number from 0 to ", classes - 1,
                  ")");
    }
  }
  const Split split = split_rows(table.rows, 0.2, source.seed);
  const Standard standard = measure(table, split.train);
  std::vector<std::int64_t> train;
  for (const std::int64_t i :
       sample_rows(static_cast<std::int64_t>(split.train.size()), source.samples, source.seed, name)) {
    train.push_back(split.train[static_cast<std::size_t>(i)]);
  }
  return std::make_unique<TableDataset>(name, class_names, table.width - 1, make_examples(table, train, standard),
                                        make_examples(table, split.test, standard));
}

}  // namespace tersegrad
