#include "tersegrad/data/token_sequences.hpp"

#include <algorithm>
#include <cassert>

#include "tersegrad/core/error.hpp"
#include "tersegrad/data/split.hpp"

namespace tersegrad {
namespace {

class TokenExamples final : public Examples {
 public:
  /// \param rows the windows that belong to the split, in order
  TokenExamples(const TokenFormat& format, std::vector<std::uint32_t> tokens, std::vector<std::int64_t> rows)
      : format_(format), tokens_(std::move(tokens)), rows_(std::move(rows)) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(rows_.size()); }
  void features(std::span<const std::int64_t> rows, std::span<float> out) const override { copy(rows, 0, out); }
  void labels(std::span<const std::int64_t> rows, std::span<std::int64_t> out) const override { copy(rows, 1, out); }
  std::int64_t label(std::int64_t) const override {
    throw Error(concat("data set '", format_.name, "' has no classes of rows: each of its tokens has a label"));
  }

 private:
  template <class T>
  void copy(std::span<const std::int64_t> rows, std::int64_t shift, std::span<T> out) const {
    assert(static_cast<std::int64_t>(out.size()) == static_cast<std::int64_t>(rows.size()) * format_.context);
    auto to = out.begin();
    for (const std::int64_t row : rows) {
      assert(row >= 0 && row < size());
      const auto from = tokens_.begin() + rows_[static_cast<std::size_t>(row)] * format_.context + shift;
      to = std::transform(from, from + format_.context, to, [](std::uint32_t token) { return static_cast<T>(token); });
    }
  }

  TokenFormat format_;
  std::vector<std::uint32_t> tokens_;
  std::vector<std::int64_t> rows_;
};

class TokenDataset final : public Dataset {
 public:
  TokenDataset(const TokenFormat& format, TokenExamples train, TokenExamples test)
      : format_(format), train_(std::move(train)), test_(std::move(test)) {}
  std::string name() const override { return format_.name; }
  std::vector<std::int64_t> shape() const override { return {format_.context}; }
  std::int64_t classes() const override { return format_.vocabulary; }
  std::int64_t labels_per_row() const override { return format_.context; }
  const Examples& train() const override { return train_; }
  const Examples& test() const override { return test_; }

 private:
  TokenFormat format_;
  TokenExamples train_, test_;
};

std::int64_t whole_rows(const TokenFormat& format, const std::vector<std::uint32_t>& tokens, const char* split) {
  const std::int64_t rows = (static_cast<std::int64_t>(tokens.size()) - 1) / format.context;
  TERSEGRAD_CHECK(rows >= 1, "data set '", format.name, "' has ", tokens.size(), " ", split,
                  " tokens (a row takes its ", format.context, " and the one behind them); give a shorter 'context'");
  return rows;
}

}  // namespace

std::unique_ptr<Dataset> make_token_dataset(const TokenFormat& format, std::vector<std::uint32_t> train,
                                            std::vector<std::uint32_t> test, const DataSource& source) {
  auto rows = sample_rows(whole_rows(format, train, "training"), source.samples, source.seed, format.name);
  auto test_rows = sample_rows(whole_rows(format, test, "test"), 0, source.seed, format.name);
  return std::make_unique<TokenDataset>(format, TokenExamples(format, std::move(train), std::move(rows)),
                                        TokenExamples(format, std::move(test), std::move(test_rows)));
}

}  // namespace tersegrad
