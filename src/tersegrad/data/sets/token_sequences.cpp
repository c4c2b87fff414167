#include "tersegrad/data/sets/token_sequences.hpp"

#include <cassert>

#include "tersegrad/core/error.hpp"
#include "tersegrad/data/split.hpp"

namespace tersegrad {
namespace {

class TokenExamples final : public Examples {
 public:
  /// \param sample the windows that belong to the split, in order; empty: all `rows` of them
  TokenExamples(const TokenFormat& format, TokenText tokens, std::int64_t rows, std::vector<std::int64_t> sample)
      : format_(format), tokens_(std::move(tokens)), rows_(rows), sample_(std::move(sample)) {}

  std::int64_t size() const override { return sample_.empty() ? rows_ : static_cast<std::int64_t>(sample_.size()); }
  void features(std::span<const std::int64_t> rows, std::span<float> out) const override { copy(rows, 0, out); }
  void labels(std::span<const std::int64_t> rows, std::span<std::int64_t> out) const override { copy(rows, 1, out); }
  std::int64_t label(std::int64_t) const override {
    throw Error(concat("data set '", format_.name, "' has no classes of rows: each of its tokens has a label"));
  }

 private:
  template <class T>
  void copy(std::span<const std::int64_t> rows, std::int64_t shift, std::span<T> out) const {
    assert(static_cast<std::int64_t>(out.size()) == static_cast<std::int64_t>(rows.size()) * format_.context);
    const auto width = static_cast<std::size_t>(format_.context);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      assert(rows[i] >= 0 && rows[i] < size());
      const std::int64_t window = sample_.empty() ? rows[i] : sample_[static_cast<std::size_t>(rows[i])];
      tokens_.copy(window * format_.context + shift, out.subspan(i * width, width));
    }
  }

  TokenFormat format_;
  TokenText tokens_;
  std::int64_t rows_;
  std::vector<std::int64_t> sample_;
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

std::int64_t whole_rows(const TokenFormat& format, const TokenText& tokens, const char* split) {
  const std::int64_t rows = (tokens.size() - 1) / format.context;
  TERSEGRAD_CHECK(rows >= 1, "data set '", format.name, "' has ", tokens.size(), " ", split,
                  " tokens (a row takes its ", format.context, " and the one behind them); give a shorter 'context'");
  return rows;
}

}  // namespace

std::unique_ptr<Dataset> make_token_dataset(const TokenFormat& format, TokenText train, TokenText test,
                                            const DataSource& source) {
  const std::int64_t rows = whole_rows(format, train, "training"), test_rows = whole_rows(format, test, "test");
  // All rows in their own order need no list of them, which could be larger than the text.
  std::vector<std::int64_t> sample;
  if (source.samples != 0) sample = sample_rows(rows, source.samples, source.seed, format.name);
  return std::make_unique<TokenDataset>(format, TokenExamples(format, std::move(train), rows, std::move(sample)),
                                        TokenExamples(format, std::move(test), test_rows, {}));
}

}  // namespace tersegrad
