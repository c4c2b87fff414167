#include "tersegrad/log/hdf5/hdf5_file.hpp"

#include <hdf5.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "tersegrad/core/system/file.hpp"
#include "tersegrad/log/read/subprocess.hpp"
#include "tests/log/synthetic_run.hpp"

namespace tersegrad {
namespace {

using namespace testing;
class Hdf5FileTest : public FolderTest {};

template <class T>
void round_trip(const std::filesystem::path& path) {
  std::vector<T> values{T{0}, static_cast<T>(-1), static_cast<T>(7), std::numeric_limits<T>::max(),
                        std::numeric_limits<T>::lowest(), std::numeric_limits<T>::min()};
  if constexpr (std::numeric_limits<T>::has_infinity) {
    for (const T special :
         {std::numeric_limits<T>::infinity(), -std::numeric_limits<T>::infinity(), std::numeric_limits<T>::quiet_NaN(),
          std::numeric_limits<T>::denorm_min(), T{-0.0}, T{1} / 3}) {
      values.push_back(special);
    }
  } else {
    values.insert(values.end(), {T{1}, T{2}, T{3}, T{4}, T{5}, T{6}});
  }
  {
    auto file = Hdf5File::create(path);
    file.write<T>("/a/b/line", values);
    file.write<T>("/table", values, 4);
    file.write<T>("/none", std::vector<T>{});
    file.close();
  }
  const auto file = Hdf5File::open(path);
  const auto same = [](const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() &&
           (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);  // bits: −0, NaN
  };
  EXPECT_TRUE(same(file.read<T>("/a/b/line"), values));
  EXPECT_TRUE(same(file.read<T>("/table"), values));
  EXPECT_TRUE(file.read<T>("/none").empty());
  EXPECT_EQ(file.shape("/a/b/line").columns, 0);
  EXPECT_EQ(file.shape("/table").rows, 3);
  EXPECT_EQ(file.shape("/table").columns, 4);
  EXPECT_TRUE(same(file.read<T>("/table", 1, 1), std::vector<T>(values.begin() + 4, values.begin() + 8)));
  EXPECT_THROW(file.read<T>("/table", 2, 2), Error);
  EXPECT_THROW(file.read<T>("/table", -1, 1), Error);
}

TEST_F(Hdf5FileTest, NumbersComeBackBitForBit) {
  round_trip<float>(folder_ / "f.h5");
  round_trip<double>(folder_ / "d.h5");
  round_trip<std::int64_t>(folder_ / "i.h5");
}

TEST_F(Hdf5FileTest, GrowingDatasetsOfEveryChunkingHoldWhatWasAppended) {
  for (const std::int64_t chunk : {1, 2, 7, 64}) {
    for (const std::int64_t columns : {0, 1, 3}) {
      SCOPED_TRACE(concat("chunk ", chunk, " columns ", columns));
      const std::size_t width = columns == 0 ? 1 : static_cast<std::size_t>(columns);
      std::vector<double> all;
      auto file = Hdf5File::create(folder_ / "g.h5");
      file.create_growing<double>("/x", chunk, columns);
      for (std::size_t rows : {0, 1, 5, 64, 2, 130}) {
        std::vector<double> part(rows * width);
        std::iota(part.begin(), part.end(), static_cast<double>(all.size()));
        file.append<double>("/x", part);
        all.insert(all.end(), part.begin(), part.end());
      }
      file.close();
      const auto back = Hdf5File::open(folder_ / "g.h5");
      EXPECT_EQ(back.read<double>("/x"), all);
      EXPECT_EQ(back.shape("/x").columns, columns);
    }
  }
}

TEST_F(Hdf5FileTest, AttributesKeepTypeValueAndOrder) {
  const std::string long_text(200000, 'x');
  std::vector<std::pair<std::string, LogValue>> wanted{{"zebra", std::string("läuft")}, {"empty", std::string()},
                                                       {"long", long_text},        {"yes", true},
                                                       {"no", false},              {"big", std::int64_t{1} << 62},
                                                       {"minus", std::int64_t{-3}}, {"pi", 3.14159265358979},
                                                       {"inf", INFINITY}};
  for (int i = 0; i < 40; ++i) wanted.emplace_back("key" + std::to_string(100 - i), std::int64_t{i});
  {
    auto file = Hdf5File::create(folder_ / "a.h5");
    file.create_group("/config");
    for (const auto& [key, value] : wanted) file.set_attribute("/config", key, value);
    file.set_attribute("/config", "pi", 3.0);  // replaced
    file.close();
  }
  const auto got = Hdf5File::open(folder_ / "a.h5").attributes("/config");
  ASSERT_EQ(got.size(), wanted.size());
  EXPECT_EQ(got[0], wanted[0]);
  EXPECT_EQ(got.back().first, "pi");
  EXPECT_EQ(got.back().second, LogValue(3.0));
  std::erase_if(wanted, [](const auto& item) { return item.first == "pi"; });
  EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), got.begin()));
}

TEST_F(Hdf5FileTest, MembersKeepTheirOrder) {
  auto file = Hdf5File::create(folder_ / "m.h5");
  file.create_group("/series");
  for (const char* name : {"z", "a", "m"}) file.create_growing<double>(std::string("/series/") + name, 8);
  EXPECT_EQ(file.members("/series"), (std::vector<std::string>{"z", "a", "m"}));
  EXPECT_TRUE(file.contains("/series/a"));
  EXPECT_FALSE(file.contains("/series/b"));
  EXPECT_FALSE(file.contains("/other/b"));
}

TEST_F(Hdf5FileTest, StreamIsReadableByAnotherProcessWhileItGrows) {
  const auto path = folder_ / "s.h5";
  auto file = Hdf5File::create(path);
  file.create_growing<double>("/x", 4);
  file.start_streaming();
  for (int round = 1; round <= 5; ++round) {
    file.append<double>("/x", std::vector<double>(3, round));
    file.flush();
    const std::string seen = run_in_subprocess("the stream", 20, [&] {
      const auto values = Hdf5File::open(path).read<double>("/x");
      return concat(values.size(), " ", values.back());
    });
    EXPECT_EQ(seen, concat(3 * round, " ", round));
  }
  file.close();
  file = Hdf5File::edit(path);
  file.set_attribute("/x", "unit", std::string("m"));
  file.close();
  const auto back = Hdf5File::open(path);
  EXPECT_EQ(back.shape("/x").rows, 15);
  EXPECT_EQ(back.attributes("/x").size(), 1u);
}

TEST_F(Hdf5FileTest, RefusalsNameTheFile) {
  const auto path = folder_ / "r.h5";
  {
    auto file = Hdf5File::create(path);
    file.write<double>("/x", std::vector<double>{1});
    EXPECT_TRUE(contains(error_of([&] { file.write<double>("/x", std::vector<double>{1}); }), "r.h5"));
    // A file that failed once takes no more writes, and says so.
    EXPECT_TRUE(contains(error_of([&] { file.write<double>("/y", std::vector<double>{1}); }), "earlier write failed"));
  }
  auto file = Hdf5File::open(path);
  EXPECT_TRUE(contains(error_of([&] { file.write<double>("/y", std::vector<double>{1}); }), "reading only"));
  EXPECT_TRUE(contains(error_of([&] { file.read<double>("/nothing"); }), "/nothing"));
  EXPECT_TRUE(contains(error_of([&] { Hdf5File::open(folder_ / "missing.h5"); }), "missing.h5"));
  EXPECT_TRUE(contains(error_of([&] { Hdf5File::open(folder_); }), "not a file"));
  EXPECT_TRUE(contains(error_of([&] { Hdf5File::create(folder_ / "no" / "x.h5"); }), "No such file"));
  write_file(folder_ / "text.h5", "this is text\n");
  EXPECT_TRUE(contains(error_of([&] { Hdf5File::open(folder_ / "text.h5"); }), "not an HDF5 file"));
  write_file(folder_ / "empty.h5", "");
  EXPECT_TRUE(contains(error_of([&] { Hdf5File::open(folder_ / "empty.h5"); }), "not an HDF5 file"));
}

TEST_F(Hdf5FileTest, ClaimedSizesAreHeldAgainstTheFile) {
  // A chunked dataset may claim any length without a byte behind it, and all checksums are right.
  Hdf5File::create(folder_ / "first.h5").close();  // sets the library up as the program does
  const auto path = folder_ / "huge.h5";
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t length = hsize_t{1} << 50, chunk = 64;
  const hid_t space = H5Screate_simple(1, &length, nullptr), creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 1, &chunk);
  const hid_t set = H5Dcreate2(file, "x", H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  ASSERT_GE(set, 0);
  H5Dclose(set);
  H5Pclose(creation);
  H5Sclose(space);
  H5Fclose(file);
  EXPECT_TRUE(contains(error_of([&] { Hdf5File::open(path).read<double>("/x", 0, 10); }), "damaged"));
  EXPECT_TRUE(contains(error_of([&] { Hdf5File::open(path).read<double>("/x"); }), "damaged"));
}

}  // namespace
}  // namespace tersegrad
