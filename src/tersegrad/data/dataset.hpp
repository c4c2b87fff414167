// Data sets: labelled examples, read whole, normalised as they are copied out. No LibTorch here: spans of floats.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/core/registry.hpp"

namespace tersegrad {

/// The labelled rows of one split. Immutable after construction; safe to read from several threads.
class Examples {
 public:
  virtual ~Examples() = default;
  virtual std::int64_t size() const = 0;
  /// Normalised features of the given rows, one row behind the other. \param out rows.size() × features per row
  virtual void features(std::span<const std::int64_t> rows, std::span<float> out) const = 0;
  /// Class of one row, in [0, classes). \throws Error where a row has several labels
  virtual std::int64_t label(std::int64_t row) const = 0;
  /// All labels of the given rows, one row behind the other. \param out rows.size() × Dataset::labels_per_row()
  virtual void labels(std::span<const std::int64_t> rows, std::span<std::int64_t> out) const {
    for (std::size_t i = 0; i < rows.size(); ++i) out[i] = label(rows[i]);
  }
};

/// A data set for classification, of rows or of what follows each token of a sequence, with its train and test split.
class Dataset {
 public:
  static constexpr const char* family = "data set";
  virtual ~Dataset() = default;
  virtual std::string name() const = 0;
  /// Shape of one example's features: {30} for a table, {1, 28, 28} for channels × height × width, {tokens} for ids.
  virtual std::vector<std::int64_t> shape() const = 0;
  virtual std::int64_t classes() const = 0;
  /// 1; for sequences one a token: the token that follows it.
  virtual std::int64_t labels_per_row() const { return 1; }
  /// What each class means, in order; empty where the numbers say it all.
  virtual std::vector<std::string> class_names() const { return {}; }
  virtual const Examples& train() const = 0;
  virtual const Examples& test() const = 0;
};

/// Where a data set comes from and how it is cut.
struct DataSource {
  std::filesystem::path folder{};  ///< --data (folder.hpp); holds the original files, directly or in a folder of the data set's name
  std::uint64_t seed = 0;          ///< of the train/test split where the data set has none of its own
  std::int64_t samples = 0;        ///< > 0: only the first so many rows of the seeded shuffle of the training split
  /// Told what a user should know of the files and what does not end a run; where several ranks read them, one's is set.
  std::function<void(const std::string&)> remark{};
};

/// Names of the data sets that are compiled in and read no files: a folder of data means nothing to them.
std::set<std::string>& built_in_datasets();

using DatasetRegistry = Registry<Dataset, const DataSource&>;

}  // namespace tersegrad
