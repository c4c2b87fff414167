// Inside log/: what an open Hdf5File consists of.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "tersegrad/log/hdf5/hdf5_file.hpp"
#include "tersegrad/log/hdf5/hdf5_handle.hpp"

namespace tersegrad::detail {

struct Hdf5State {
  struct Growing {
    Hdf5Handle handle;
    hsize_t rows = 0;
    std::int64_t columns = 0;  // 0: one-dimensional
  };

  Hdf5State(std::filesystem::path where, Hdf5Handle open_file, bool may_write)
      : path(std::move(where)), file(std::move(open_file)), can_write(may_write) {}

  std::filesystem::path path;
  Hdf5Handle file;
  bool can_write;
  std::map<std::string, Growing> growing;  // closed before the file

  /// The file's identifier. \throws Error if it is closed
  hid_t readable() const;
  /// The same, for writing `object`. \throws Error if it is closed or open for reading only
  hid_t writable(const std::string& object) const;
  /// Closes everything. \returns whether all of it could be written
  bool release();
  /// Closes what can be closed and throws Error with HDF5's reason: a file that failed once takes no more writes.
  [[noreturn]] void fail_write(std::string object);  // by value: what it names goes with the release
  [[noreturn]] void fail_read(const std::string& object) const;
};

/// A numeric dataset, checked: one- or two-dimensional, and no larger than its file can hold.
struct OpenDataset {
  Hdf5Handle handle;
  DatasetShape shape;
};
OpenDataset open_dataset(const Hdf5State& state, const std::string& name);

/// Throws Error: cannot <what> '<path>' (<object>): <HDF5's reason>.
[[noreturn]] void fail_hdf5(const char* what, const std::filesystem::path& path, const std::string& object = "");

}  // namespace tersegrad::detail
