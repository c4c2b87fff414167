#include "tersegrad/log/hdf5/hdf5_state.hpp"

#include <array>

#include "tersegrad/core/error.hpp"

namespace tersegrad::detail {

void fail_hdf5(const char* what, const std::filesystem::path& path, const std::string& object) {
  const std::string reason = hdf5_reason();
  throw Error(
      concat("cannot ", what, " '", path.string(), "'", object.empty() ? "" : " (" + object + ")", ": ", reason));
}

hid_t Hdf5State::readable() const {
  TERSEGRAD_CHECK(file, "cannot read '", path.string(), "': it is closed");
  return file.get();
}

hid_t Hdf5State::writable(const std::string& object) const {
  TERSEGRAD_CHECK(can_write && file, "cannot write '", path.string(), "' (", object, "): it is ",
                  can_write ? "closed, or an earlier write failed" : "open for reading only");
  return file.get();
}

bool Hdf5State::release() {
  bool whole = true;
  for (auto& [name, set] : growing) whole = set.handle.close() >= 0 && whole;
  growing.clear();
  return file.close() >= 0 && whole;
}

void Hdf5State::fail_write(std::string object) {
  const std::string reason = hdf5_reason();
  release();
  throw Error(concat("cannot write '", path.string(), "'", object.empty() ? "" : " (" + object + ")", ": ", reason));
}

void Hdf5State::fail_read(const std::string& object) const { fail_hdf5("read", path, object); }

OpenDataset open_dataset(const Hdf5State& state, const std::string& name) {
  OpenDataset set;
  set.handle = Hdf5Handle(H5Dopen2(state.readable(), name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!set.handle) state.fail_read(name);
  const Hdf5Handle space(H5Dget_space(set.handle.get()), H5Sclose), type(H5Dget_type(set.handle.get()), H5Tclose);
  const Hdf5Handle creation(H5Dget_create_plist(set.handle.get()), H5Pclose);
  if (!space || !type || !creation) state.fail_read(name);
  const H5T_class_t kind = H5Tget_class(type.get());
  TERSEGRAD_CHECK(kind == H5T_INTEGER || kind == H5T_FLOAT, "cannot read '", state.path.string(), "' (", name,
                  "): it holds no numbers");
  const int rank = H5Sget_simple_extent_ndims(space.get());
  TERSEGRAD_CHECK(rank == 1 || rank == 2, "cannot read '", state.path.string(), "' (", name, "): it has ", rank,
                  " dimensions instead of 1 or 2");
  std::array<hsize_t, 2> extent{0, 1};
  if (H5Sget_simple_extent_dims(space.get(), extent.data(), nullptr) < 0) state.fail_read(name);

  // Nothing is allocated on a damaged file's word. Deflate shrinks at most 1032 times.
  std::error_code error;
  const double file_bytes = static_cast<double>(std::filesystem::file_size(state.path, error));
  const double claimed =
      static_cast<double>(extent[0]) * static_cast<double>(extent[1]) * static_cast<double>(H5Tget_size(type.get()));
  TERSEGRAD_CHECK(claimed <= file_bytes * (H5Pget_nfilters(creation.get()) > 0 ? 1032 : 1), "cannot read '",
                  state.path.string(), "' (", name, "): it claims ", claimed, " bytes in a file of ", file_bytes,
                  "; the file is damaged");
  set.shape.rows = static_cast<std::int64_t>(extent[0]);
  set.shape.columns = rank == 1 ? 0 : static_cast<std::int64_t>(extent[1]);
  return set;
}

}  // namespace tersegrad::detail
