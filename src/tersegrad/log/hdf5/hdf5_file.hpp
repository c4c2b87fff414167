// HDF5 files: groups, attributes, one- and two-dimensional datasets, whole or growing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tersegrad/log/value.hpp"

namespace tersegrad {

namespace detail {
struct Hdf5State;
}

/// What a dataset holds. A number type converts to any other on reading.
struct DatasetShape {
  std::int64_t rows = 0;
  std::int64_t columns = 0;  ///< 0: one-dimensional
  std::int64_t size() const { return rows * (columns == 0 ? 1 : columns); }
};

/// An open HDF5 file. Objects are named by their path ("/series/loss"); groups on the way are created.
///
/// Numbers are float, double or std::int64_t. Calls from several threads wait for one another (the library itself is
/// not thread-safe). Every failure throws Error with the file, what was done and the reason; HDF5 prints nothing of
/// its own. After a failed write (full disk) the file takes no more writes.
///
/// A file from elsewhere is not trusted: its dataset sizes are held against the size of the file before anything is
/// allocated. A file made to attack the HDF5 library itself is beyond this class: see read_in_subprocess (isolated.hpp).
class Hdf5File {
 public:
  /// Creates or empties `path`.
  static Hdf5File create(const std::filesystem::path& path);
  /// Opens a file that was closed whole, for more attributes, groups and datasets.
  static Hdf5File edit(const std::filesystem::path& path);
  /// Opens for reading: also a file that another process is streaming to, or whose writer was killed.
  static Hdf5File open(const std::filesystem::path& path);

  Hdf5File(Hdf5File&&) noexcept;
  Hdf5File& operator=(Hdf5File&&) noexcept;
  ~Hdf5File();  ///< closes; what goes wrong then stays unsaid, so writers call close()
  /// Everything to the file, then closes it. \throws Error (disk full)
  void close();

  /// Creates a group whose members and attributes keep the order in which they were added.
  void create_group(const std::string& name);
  /// Another name for an object that is there: a hard link.
  void create_link(const std::string& name, const std::string& existing);
  bool contains(const std::string& name) const;
  /// Names inside a group, in the order of creation where the file knows it.
  std::vector<std::string> members(const std::string& group) const;

  /// Sets an attribute of a group or dataset, replacing one of that name.
  void set_attribute(const std::string& object, const std::string& key, const LogValue& value);
  /// All attributes that are a text, a number or a boolean, in the order of creation where the file knows it.
  std::vector<std::pair<std::string, LogValue>> attributes(const std::string& object) const;

  /// Writes a whole dataset. \param columns  0: one-dimensional; else the values are rows of so many, row by row
  template <class T>
  void write(const std::string& name, std::span<const T> values, std::int64_t columns = 0);
  /// Creates an empty dataset that grows by append, stored in chunks of `chunk_rows` rows.
  template <class T>
  void create_growing(const std::string& name, std::int64_t chunk_rows, std::int64_t columns = 0);
  /// Appends to a dataset made by create_growing: whole rows, with the type it was created with.
  template <class T>
  void append(const std::string& name, std::span<const T> values);

  DatasetShape shape(const std::string& name) const;
  /// `rows` rows from `first_row` on; all of them by default (rows = -1).
  template <class T>
  std::vector<T> read(const std::string& name, std::int64_t first_row = 0, std::int64_t rows = -1) const;

  /// From here on only append and flush: in return other processes may read at any time (HDF5's single-writer
  /// multiple-reader mode; h5py: File(path, "r", swmr=True)) and a killed writer leaves a file that open() reads.
  void start_streaming();
  void flush();

 private:
  explicit Hdf5File(std::unique_ptr<detail::Hdf5State> state);
  std::unique_ptr<detail::Hdf5State> state_;
};

}  // namespace tersegrad
