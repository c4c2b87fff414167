#include "tersegrad/data/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "data/files.hpp"
#include "tersegrad/data/split.hpp"

namespace tersegrad {
namespace {

std::unique_ptr<Dataset> make(const std::string& name, const DataSource& source) {
  return DatasetRegistry::instance().make(name, source);
}

std::vector<std::int64_t> all_rows(const Examples& examples) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(examples.size()));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  return rows;
}

std::vector<float> features(const Examples& examples, const std::vector<std::int64_t>& rows, std::int64_t width) {
  std::vector<float> out(rows.size() * static_cast<std::size_t>(width));
  examples.features(rows, out);
  return out;
}

using Row = std::vector<float>;

std::multiset<Row> row_set(const Examples& examples, std::int64_t width) {
  std::multiset<Row> set;
  for (const auto row : all_rows(examples)) set.insert(features(examples, {row}, width));
  return set;
}

TEST(Datasets, AreRegistered) {
  EXPECT_EQ(DatasetRegistry::instance().names(),
            (std::vector<std::string>{"breast-cancer", "cifar10", "fashion-mnist", "idx", "mnist",
                                      "tinyshakespeare", "tokens"}));
  expect_error(error_of([] { make("mnits", {}); }),
               {"unknown data set 'mnits'", "known: breast-cancer, cifar10, fashion-mnist, idx, mnist"});
}

TEST(BreastCancer, IsWhole) {
  const auto data = make("breast-cancer", {});
  EXPECT_EQ(data->name(), "breast-cancer");
  EXPECT_EQ(data->shape(), (std::vector<std::int64_t>{30}));
  EXPECT_EQ(data->classes(), 2);
  EXPECT_EQ(data->class_names(), (std::vector<std::string>{"malignant", "benign"}));
  EXPECT_EQ(data->train().size(), 455);  // 569 less round(113.8)
  EXPECT_EQ(data->test().size(), 114);
  std::int64_t counts[2] = {0, 0};
  for (const auto* split : {&data->train(), &data->test()}) {
    for (const auto row : all_rows(*split)) ++counts[split->label(row)];
  }
  EXPECT_EQ(counts[0], 212);  // malignant
  EXPECT_EQ(counts[1], 357);  // benign
}

TEST(BreastCancer, IsStandardisedOnItsTrainingSplit) {
  for (const std::uint64_t seed : {0u, 1u, 2u}) {
    const auto data = make("breast-cancer", {.seed = seed});
    const auto x = features(data->train(), all_rows(data->train()), 30);
    for (std::size_t column = 0; column < 30; ++column) {
      double sum = 0;
      double squares = 0;
      for (std::size_t row = 0; row < 455; ++row) {
        sum += x[row * 30 + column];
        squares += static_cast<double>(x[row * 30 + column]) * x[row * 30 + column];
      }
      // Each value is rounded once to fp32: relative 2^-24 of values below 16.
      EXPECT_NEAR(sum / 455, 0, 16 * 0x1p-24);
      EXPECT_NEAR(squares / 455, 1, 2 * 16 * 0x1p-24);
    }
  }
}

TEST(BreastCancer, MalignantTumoursAreLarger) {
  // The meaning of the classes: nuclei of malignant tumours have the larger mean radius (feature 0).
  const auto data = make("breast-cancer", {});
  double sum[2] = {0, 0};
  std::int64_t count[2] = {0, 0};
  for (const auto row : all_rows(data->train())) {
    sum[data->train().label(row)] += features(data->train(), {row}, 30)[0];
    ++count[data->train().label(row)];
  }
  EXPECT_GT(sum[0] / static_cast<double>(count[0]), 0.5);
  EXPECT_LT(sum[1] / static_cast<double>(count[1]), 0);
}

TEST(BreastCancer, SplitDependsOnTheSeedAlone) {
  const auto once = make("breast-cancer", {.seed = 7});
  const auto again = make("breast-cancer", {.folder = "/nowhere", .seed = 7});
  const auto other = make("breast-cancer", {.seed = 8});
  EXPECT_EQ(features(once->test(), all_rows(once->test()), 30), features(again->test(), all_rows(again->test()), 30));
  EXPECT_NE(features(once->test(), all_rows(once->test()), 30), features(other->test(), all_rows(other->test()), 30));
}

TEST(BreastCancer, SamplesAreNestedAndLeaveTheTestSplitAlone) {
  const auto whole = make("breast-cancer", {.seed = 3});
  const auto whole_rows = row_set(whole->train(), 30);
  std::vector<float> previous;
  for (const std::int64_t samples : {1, 10, 454, 455}) {
    const auto data = make("breast-cancer", {.seed = 3, .samples = samples});
    ASSERT_EQ(data->train().size(), samples);
    EXPECT_EQ(features(data->test(), all_rows(data->test()), 30), features(whole->test(), all_rows(whole->test()), 30));
    const auto rows = row_set(data->train(), 30);
    EXPECT_TRUE(std::includes(whole_rows.begin(), whole_rows.end(), rows.begin(), rows.end()));
    const auto x = features(data->train(), all_rows(data->train()), 30);
    EXPECT_TRUE(std::equal(previous.begin(), previous.end(), x.begin()));
    previous = x;
  }
  expect_error(error_of([] { make("breast-cancer", {.samples = 456}); }),
               {"cannot take 456 training samples of data set 'breast-cancer' (it has 455)"});
  expect_error(error_of([] { make("breast-cancer", {.samples = -1}); }), {"-1"});
}

TEST(Split, CoversEveryRowOnce) {
  for (const std::int64_t rows : {2, 3, 5, 10, 100, 569}) {
    for (const double share : {0.001, 0.2, 0.5, 0.999}) {
      for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const Split split = split_rows(rows, share, seed);
        EXPECT_EQ(static_cast<std::int64_t>(split.test.size()),
                  std::clamp<std::int64_t>(std::llround(share * static_cast<double>(rows)), 1, rows - 1));
        std::set<std::int64_t> seen(split.train.begin(), split.train.end());
        seen.insert(split.test.begin(), split.test.end());
        EXPECT_EQ(static_cast<std::int64_t>(seen.size()), rows);
        EXPECT_EQ(split.train.size() + split.test.size(), static_cast<std::size_t>(rows));
        EXPECT_EQ(*seen.begin(), 0);
        EXPECT_EQ(*seen.rbegin(), rows - 1);
      }
    }
  }
  EXPECT_THROW(split_rows(1, 0.2, 0), Error);
}

TEST(Split, SamplesDependOnTheSeed) {
  EXPECT_EQ(sample_rows(100, 30, 1, "x"), sample_rows(100, 30, 1, "x"));
  EXPECT_NE(sample_rows(100, 30, 1, "x"), sample_rows(100, 30, 2, "x"));
  const auto all = sample_rows(5, 0, 1, "x");
  EXPECT_EQ(all, (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
  // The sample is not drawn with the numbers that made the split.
  const Split split = split_rows(100, 0.3, 1);
  EXPECT_NE(sample_rows(100, 70, 1, "x"), split.train);
}

/// Small files with the names of MNIST's.
class IdxDataset : public FolderTest {
 protected:
  void put_all(const std::filesystem::path& folder, const std::string& ending = "", std::uint32_t train = 40,
               std::uint32_t test = 12) {
    const auto pack = [&](const Bytes& bytes) { return ending == ".gz" ? gzipped(bytes) : bytes; };
    put(folder / ("train-images-idx3-ubyte" + ending), pack(idx_images(train, 28, 28)));
    put(folder / ("train-labels-idx1-ubyte" + ending), pack(idx_labels(train)));
    put(folder / ("t10k-images-idx3-ubyte" + ending), pack(idx_images(test, 28, 28)));
    put(folder / ("t10k-labels-idx1-ubyte" + ending), pack(idx_labels(test)));
  }
  std::string error_in(const std::string& name) {
    return error_of([&] { make(name, {.folder = folder_}); });
  }
};

TEST_F(IdxDataset, IsFoundWhereverPeopleKeepIt) {
  for (const char* folder : {".", "fashion-mnist", "fashion_mnist", "FashionMNIST/raw", "raw"}) {
    for (const char* ending : {"", ".gz"}) {
      SCOPED_TRACE(concat(folder, " ", ending));
      put_all(folder, ending);
      const auto data = make("fashion-mnist", {.folder = folder_});
      EXPECT_EQ(data->train().size(), 40);
      EXPECT_EQ(data->test().size(), 12);
      EXPECT_EQ(data->shape(), (std::vector<std::int64_t>{1, 28, 28}));
      EXPECT_EQ(data->classes(), 10);
      EXPECT_EQ(data->test().label(11), 1);
      std::filesystem::remove_all(folder_);
      std::filesystem::create_directories(folder_);
    }
  }
  put_all("mnist");
  put("mnist/train-images.idx3-ubyte", idx_images(7, 28, 28));  // the other spelling, which must not win
  EXPECT_EQ(make("mnist", {.folder = folder_})->train().size(), 40);
  std::filesystem::remove(folder_ / "mnist/train-images-idx3-ubyte");
  expect_error(error_in("mnist"), {"train-labels-idx1-ubyte' holds 40 labels (expected 7, one for each image"});
}

TEST_F(IdxDataset, ItsOwnFolderComesBeforeTheGivenOne) {
  put_all(".", "", 20);
  put_all("mnist", "", 30);
  EXPECT_EQ(make("mnist", {.folder = folder_})->train().size(), 30);
  EXPECT_EQ(make("fashion-mnist", {.folder = folder_})->train().size(), 20);
  // A folder that lacks a file does not hide one that has them all.
  std::filesystem::remove(folder_ / "mnist/t10k-images-idx3-ubyte");
  EXPECT_EQ(make("mnist", {.folder = folder_})->train().size(), 20);
}

TEST_F(IdxDataset, NormalisesPixels) {
  put_all("mnist");
  put_all("fashion-mnist");
  for (const auto& [name, mean, deviation] :
       {std::tuple{"mnist", 0.1307, 0.3081}, std::tuple{"fashion-mnist", 0.2860, 0.3530}}) {
    const auto data = make(name, {.folder = folder_});
    const auto x = features(data->train(), {5, 0, 5}, 784);
    for (const std::size_t j : {0u, 1u, 27u, 28u, 300u, 783u}) {
      EXPECT_EQ(x[j], static_cast<float>((static_cast<double>((5 + j) % 256) / 255 - mean) / deviation));
      EXPECT_EQ(x[784 + j], static_cast<float>((static_cast<double>(j % 256) / 255 - mean) / deviation));
      EXPECT_EQ(x[2 * 784 + j], x[j]);
    }
  }
}

TEST_F(IdxDataset, SamplesTakePixelsAndLabelsTogether) {
  put_all("mnist");
  const auto whole = make("mnist", {.folder = folder_});
  const auto some = make("mnist", {.folder = folder_, .seed = 4, .samples = 13});
  const auto rows = sample_rows(40, 13, 4, "mnist");
  ASSERT_EQ(some->train().size(), 13);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(some->train().label(static_cast<std::int64_t>(i)), whole->train().label(rows[i]));
    EXPECT_EQ(features(some->train(), {static_cast<std::int64_t>(i)}, 784), features(whole->train(), {rows[i]}, 784));
  }
  EXPECT_EQ(some->test().size(), 12);
  expect_error(error_of([&] { make("mnist", {.folder = folder_, .samples = 41}); }),
               {"cannot take 41", "'mnist' (it has 40)"});
}

TEST_F(IdxDataset, MissingFilesSayWhereTheyWereLookedFor) {
  expect_error(
      error_in("fashion-mnist"),
      {"cannot find 'train-images-idx3-ubyte' of data set 'fashion-mnist'", (folder_ / "fashion-mnist").string() + "'",
       (folder_ / "fashion_mnist").string() + "'", "'" + folder_.string() + "'",
       "get it with: launch/get-data fashion-mnist --to '" + folder_.string() + "'"});
  put_all("mnist", ".gz");
  std::filesystem::remove(folder_ / "mnist/t10k-labels-idx1-ubyte.gz");
  expect_error(error_in("mnist"),
               {"cannot find 't10k-labels-idx1-ubyte' of data set 'mnist'", "in '" + (folder_ / "mnist").string() + "'",
                "where 3 of its 4 files are", "launch/get-data mnist --to"});
  expect_error(error_of([] { make("mnist", {.folder = ".data"}); }),
               {"looked in '.data/mnist'", "get it with: launch/get-data mnist"});
}

TEST_F(IdxDataset, DamagedFilesSayHowToGetThemAgain) {
  put_all("mnist");
  put("mnist/t10k-images-idx3-ubyte", cut(idx_images(12, 28, 28), 1234));
  expect_error(error_in("mnist"),
               {"mnist/t10k-images-idx3-ubyte' ends at byte 1234 (expected 9424 bytes for 12 images of 28x28)",
                "; download it again with launch/get-data mnist --to '" + folder_.string() + "'"});
  put("mnist/t10k-images-idx3-ubyte", idx_images(12, 32, 32));
  expect_error(error_in("mnist"), {"t10k-images-idx3-ubyte' holds images of 32x32 (expected 28x28)"});
  put("mnist/t10k-images-idx3-ubyte", idx_images(13, 28, 28));
  expect_error(error_in("mnist"), {"t10k-labels-idx1-ubyte' holds 12 labels (expected 13, one for each image in '"});
  std::filesystem::remove(folder_ / "mnist/t10k-images-idx3-ubyte");
  std::filesystem::create_directory(folder_ / "mnist/t10k-images-idx3-ubyte");
  expect_error(error_in("mnist"), {"t10k-images-idx3-ubyte' is not a regular file"});
}

TEST_F(IdxDataset, NamesNoDataSetThatItsLabelsDoNotProve) {
  // As many labels as the originals have, in files of the same names; the images' sides do not matter.
  const Bytes images = idx_images(60000, 28, 28);
  put("train-images-idx3-ubyte", images);
  put("t10k-images-idx3-ubyte", idx_images(10, 28, 28));
  put("t10k-labels-idx1-ubyte", idx_labels(10));
  Bytes fashion = idx_labels(60000);
  const Bytes first{9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9, 1, 0, 6, 4, 3, 1, 4, 8, 4, 3, 0, 2};
  // Swaps keep 6,000 of each class.
  for (std::size_t i = 0; i < first.size(); ++i) {
    std::iter_swap(fashion.begin() + 8 + static_cast<std::ptrdiff_t>(i),
                   std::find(fashion.begin() + 8 + static_cast<std::ptrdiff_t>(i), fashion.end(), first[i]));
  }
  Bytes uneven = idx_labels(60000);
  uneven[8] = 1;
  struct Case {
    const char* what;
    Bytes labels;
    std::vector<std::string> as_mnist, as_fashion;
  };
  const std::vector<std::string> unknown{"train-labels-idx1-ubyte' holds 60000 labels that are not those of", "--dataset idx",
                                         folder_.string()};
  for (const auto& [what, labels, as_mnist, as_fashion] :
       {Case{"KMNIST's and EMNIST's form: 6,000 of each", idx_labels(60000), unknown, unknown},
        Case{"another number of each", uneven, unknown, unknown},
        Case{"Fashion-MNIST's", fashion, {"holds the labels of data set 'fashion-mnist' (asked for: 'mnist'"}, {}}}) {
    SCOPED_TRACE(what);
    put("train-labels-idx1-ubyte", labels);
    expect_error(error_in("mnist"), as_mnist);
    if (as_fashion.empty()) {
      EXPECT_EQ(error_in("fashion-mnist"), "");
    } else {
      expect_error(error_in("fashion-mnist"), as_fashion);
      EXPECT_EQ(error_in("fashion-mnist").find("'mnist'"), std::string::npos);
    }
  }
  // A part of a data set proves nothing: it is what the user calls it.
  put("train-images-idx3-ubyte", idx_images(59999, 28, 28));
  put("train-labels-idx1-ubyte", idx_labels(59999));
  EXPECT_EQ(error_in("mnist"), "");
}

TEST_F(IdxDataset, AnyImagesOfTheFormatAreReadUnderANameOfNoOther) {
  const auto put_sides = [&](std::uint32_t height, std::uint32_t width) {
    put("train-images-idx3-ubyte", idx_images(30, height, width));
    put("train-labels-idx1-ubyte", idx_labels(30));
    put("t10k-images-idx3-ubyte", idx_images(5, height, width));
    put("t10k-labels-idx1-ubyte", idx_labels(5));
  };
  put_sides(6, 5);
  const auto data = make("idx", {.folder = folder_});
  EXPECT_EQ(data->name(), "idx");
  EXPECT_EQ(data->shape(), (std::vector<std::int64_t>{1, 6, 5}));
  EXPECT_EQ(data->classes(), 10);
  const auto x = features(data->train(), all_rows(data->train()), 30);
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
  double squares = 0;
  for (const float value : x) squares += static_cast<double>(value) * value;
  EXPECT_NEAR(mean, 0, 1e-6);
  EXPECT_NEAR(squares / static_cast<double>(x.size()), 1, 1e-6);
  EXPECT_EQ(make("idx:classes=47", {.folder = folder_})->classes(), 47);
  expect_error(error_of([&] { make("idx:classes=9", {.folder = folder_}); }), {"label 9", "expected 0 to 8"});
  put("t10k-images-idx3-ubyte", idx_images(5, 5, 6));
  expect_error(error_in("idx"), {"5x6 (expected 6x5)"});
  std::filesystem::remove(folder_ / "t10k-images-idx3-ubyte");
  EXPECT_EQ(error_in("idx").find("get-data"), std::string::npos);
  expect_error(error_in("idx"), {"cannot find 't10k-images-idx3-ubyte'", "name another folder with --data"});
}

class Cifar10Dataset : public FolderTest {};

TEST_F(Cifar10Dataset, ShortFilesAreNamed) {
  for (int i = 1; i <= 5; ++i) put(concat("cifar10/data_batch_", i, ".bin"), i == 1 ? Bytes(3073 * 9999, 1) : Bytes());
  put("cifar10/test_batch.bin", {});
  expect_error(error_of([&] { make("cifar10", {.folder = folder_}); }),
               {"data_batch_1.bin' ends at byte 30726927 (expected 30730000 bytes for 10000 records of 3073 bytes)",
                "launch/get-data cifar10 --to"});
  std::filesystem::remove(folder_ / "cifar10/data_batch_3.bin");
  expect_error(error_of([&] { make("cifar10", {.folder = folder_}); }),
               {"cannot find 'data_batch_3.bin'", "5 of its 6 files"});
}

}  // namespace
}  // namespace tersegrad
