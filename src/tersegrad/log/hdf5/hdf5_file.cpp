#include "tersegrad/log/hdf5/hdf5_file.hpp"

#include <array>

#include "tersegrad/core/error.hpp"
#include "tersegrad/log/hdf5/hdf5_state.hpp"

namespace tersegrad {

using detail::Hdf5Handle;
using detail::Hdf5Lock;
using State = detail::Hdf5State;

namespace {

template <class T>
hid_t native_type();
template <>
hid_t native_type<float>() { return H5T_NATIVE_FLOAT; }
template <>
hid_t native_type<double>() { return H5T_NATIVE_DOUBLE; }
template <>
hid_t native_type<std::int64_t>() { return H5T_NATIVE_INT64; }

/// As on the disk: little-endian, so that files do not depend on the machine.
template <class T>
hid_t stored_type();
template <>
hid_t stored_type<float>() { return H5T_IEEE_F32LE; }
template <>
hid_t stored_type<double>() { return H5T_IEEE_F64LE; }
template <>
hid_t stored_type<std::int64_t>() { return H5T_STD_I64LE; }

// Property lists live as long as the program: closing one would clear the error that a call has just left.

hid_t access_list() {
  static const Hdf5Handle list = [] {
    Hdf5Handle made(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    // The format that streaming needs; readable by HDF5 1.10 (2016) and later.
    H5Pset_libver_bounds(made.get(), H5F_LIBVER_V110, H5F_LIBVER_V110);
    // HDF5's own locks keep readers out while a run goes on, and fail on file systems without flock.
    H5Pset_file_locking(made.get(), false, true);
    // Rows are written once and in order: 64 kB of chunks in memory a dataset instead of a megabyte. (Not a property
    // of the dataset: HDF5 opens datasets anew when streaming starts, with the file's setting.)
    H5Pset_cache(made.get(), 0, 521, 65536, 1.0);
    // A reader of a stream waits between its attempts, twice as long each time: 17 ms in all. HDF5's 100 attempts
    // are for ever, on a damaged file.
    H5Pset_metadata_read_attempts(made.get(), 24);
    return made;
  }();
  return list.get();
}

hid_t ordered_file_list() {
  static const Hdf5Handle list = [] {
    Hdf5Handle made(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
    H5Pset_link_creation_order(made.get(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    return made;
  }();
  return list.get();
}

hid_t ordered_group_list() {
  static const Hdf5Handle list = [] {
    Hdf5Handle made(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
    H5Pset_link_creation_order(made.get(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    H5Pset_attr_creation_order(made.get(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    return made;
  }();
  return list.get();
}

hid_t link_list() {
  static const Hdf5Handle list = [] {
    Hdf5Handle made(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
    H5Pset_create_intermediate_group(made.get(), 1);
    return made;
  }();
  return list.get();
}

}  // namespace

Hdf5File::Hdf5File(std::unique_ptr<State> state) : state_(std::move(state)) {}
Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;
Hdf5File& Hdf5File::operator=(Hdf5File&&) noexcept = default;

Hdf5File::~Hdf5File() {
  if (!state_) return;
  const Hdf5Lock lock;
  state_->release();
}

Hdf5File Hdf5File::create(const std::filesystem::path& path) {
  const Hdf5Lock lock;
  Hdf5Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, ordered_file_list(), access_list()), H5Fclose);
  if (!file) detail::fail_hdf5("create", path);
  return Hdf5File(std::make_unique<State>(path, std::move(file), true));
}

Hdf5File Hdf5File::edit(const std::filesystem::path& path) {
  const Hdf5Lock lock;
  Hdf5Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, access_list()), H5Fclose);
  if (!file) detail::fail_hdf5("open", path);
  return Hdf5File(std::make_unique<State>(path, std::move(file), true));
}

Hdf5File Hdf5File::open(const std::filesystem::path& path) {
  const Hdf5Lock lock;
  std::error_code error;
  const bool regular = std::filesystem::is_regular_file(path, error);
  TERSEGRAD_CHECK(regular, "cannot open '", path.string(), "': ", error ? error.message() : "it is not a file");
  Hdf5Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access_list()), H5Fclose);
  // A file that is being streamed to, or was when its writer was killed, opens as a reader of the stream only.
  if (!file) file = Hdf5Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY | H5F_ACC_SWMR_READ, access_list()), H5Fclose);
  if (!file) detail::fail_hdf5("open", path);
  return Hdf5File(std::make_unique<State>(path, std::move(file), false));
}

void Hdf5File::close() {
  const Hdf5Lock lock;
  if (!state_->file) return;
  if (state_->can_write) flush();
  if (!state_->release()) detail::fail_hdf5(state_->can_write ? "write" : "close", state_->path);
}

void Hdf5File::create_group(const std::string& name) {
  const Hdf5Lock lock;
  const Hdf5Handle group(H5Gcreate2(state_->writable(name), name.c_str(), link_list(), ordered_group_list(),
                                    H5P_DEFAULT), H5Gclose);
  if (!group) state_->fail_write(name);
}

void Hdf5File::create_link(const std::string& name, const std::string& existing) {
  const Hdf5Lock lock;
  const hid_t file = state_->writable(name);
  if (H5Lcreate_hard(file, existing.c_str(), file, name.c_str(), link_list(), H5P_DEFAULT) < 0) state_->fail_write(name);
}

bool Hdf5File::contains(const std::string& name) const {
  const Hdf5Lock lock;
  // Every part of the path must exist: HDF5 fails instead of answering no where a group on the way is missing.
  for (std::size_t end = name.find('/', 1); end != std::string::npos; end = name.find('/', end + 1)) {
    if (H5Lexists(state_->readable(), name.substr(0, end).c_str(), H5P_DEFAULT) <= 0) return false;
  }
  return name == "/" || H5Lexists(state_->readable(), name.c_str(), H5P_DEFAULT) > 0;
}

std::vector<std::string> Hdf5File::members(const std::string& group) const {
  const Hdf5Lock lock;
  const Hdf5Handle handle(H5Gopen2(state_->readable(), group.c_str(), H5P_DEFAULT), H5Gclose);
  if (!handle) state_->fail_read(group);
  std::vector<std::string> names;
  const H5L_iterate_t collect = [](hid_t, const char* name, const H5L_info_t*, void* all) -> herr_t {
    static_cast<std::vector<std::string>*>(all)->emplace_back(name);
    return 0;
  };
  herr_t status = H5Literate(handle.get(), H5_INDEX_CRT_ORDER, H5_ITER_INC, nullptr, collect, &names);
  if (status < 0) {
    names.clear();
    status = H5Literate(handle.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &names);
  }
  if (status < 0) state_->fail_read(group);
  return names;
}

template <class T>
void Hdf5File::write(const std::string& name, std::span<const T> values, std::int64_t columns) {
  const Hdf5Lock lock;
  const hsize_t width = columns == 0 ? 1 : static_cast<hsize_t>(columns);
  TERSEGRAD_ASSERT(columns >= 0 && values.size() % width == 0, values.size(), " values are no rows of ",
                  columns);
  const std::array<hsize_t, 2> extent{values.size() / width, width};
  const Hdf5Handle space(H5Screate_simple(columns == 0 ? 1 : 2, extent.data(), nullptr), H5Sclose);
  Hdf5Handle set(H5Dcreate2(state_->writable(name), name.c_str(), stored_type<T>(), space.get(), link_list(),
                            H5P_DEFAULT, H5P_DEFAULT), H5Dclose);
  if (!set || H5Dwrite(set.get(), native_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0 ||
      set.close() < 0) {
    state_->fail_write(name);
  }
}

template <class T>
void Hdf5File::create_growing(const std::string& name, std::int64_t chunk_rows, std::int64_t columns) {
  const Hdf5Lock lock;
  TERSEGRAD_ASSERT(chunk_rows > 0 && columns >= 0, "chunks of ", chunk_rows, " rows of ", columns);
  const hsize_t width = columns == 0 ? 1 : static_cast<hsize_t>(columns);
  const std::array<hsize_t, 2> extent{0, width}, limit{H5S_UNLIMITED, width},
      chunk{static_cast<hsize_t>(chunk_rows), width};
  const int rank = columns == 0 ? 1 : 2;
  const Hdf5Handle space(H5Screate_simple(rank, extent.data(), limit.data()), H5Sclose);
  const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_chunk(creation.get(), rank, chunk.data());
  Hdf5Handle set(H5Dcreate2(state_->writable(name), name.c_str(), stored_type<T>(), space.get(), link_list(),
                            creation.get(), H5P_DEFAULT), H5Dclose);
  if (!set) state_->fail_write(name);
  state_->growing.insert_or_assign(name, State::Growing{std::move(set), 0, columns});
}

template <class T>
void Hdf5File::append(const std::string& name, std::span<const T> values) {
  const Hdf5Lock lock;
  state_->writable(name);
  const auto found = state_->growing.find(name);
  TERSEGRAD_ASSERT(found != state_->growing.end(), "'", name, "' was not made by create_growing");
  State::Growing& set = found->second;
  const hsize_t width = set.columns == 0 ? 1 : static_cast<hsize_t>(set.columns);
  TERSEGRAD_ASSERT(values.size() % width == 0, values.size(), " values are no rows of ", set.columns);
  if (values.empty()) return;
  const int rank = set.columns == 0 ? 1 : 2;
  const std::array<hsize_t, 2> first{set.rows, 0}, count{values.size() / width, width},
      extent{first[0] + count[0], width};
  if (H5Dset_extent(set.handle.get(), extent.data()) < 0) state_->fail_write(name);
  const Hdf5Handle target(H5Dget_space(set.handle.get()), H5Sclose),
      source(H5Screate_simple(rank, count.data(), nullptr), H5Sclose);
  if (!target || H5Sselect_hyperslab(target.get(), H5S_SELECT_SET, first.data(), nullptr, count.data(), nullptr) < 0 ||
      H5Dwrite(set.handle.get(), native_type<T>(), source.get(), target.get(), H5P_DEFAULT, values.data()) < 0) {
    state_->fail_write(name);
  }
  set.rows = extent[0];
}

DatasetShape Hdf5File::shape(const std::string& name) const {
  const Hdf5Lock lock;
  return detail::open_dataset(*state_, name).shape;
}

template <class T>
std::vector<T> Hdf5File::read(const std::string& name, std::int64_t first_row, std::int64_t rows) const {
  const Hdf5Lock lock;
  const detail::OpenDataset set = detail::open_dataset(*state_, name);
  if (rows < 0) rows = set.shape.rows - first_row;
  TERSEGRAD_CHECK(first_row >= 0 && rows >= 0 && first_row <= set.shape.rows - rows, "cannot read '",
                  state_->path.string(), "' (", name, "): rows ", first_row, " to ", first_row + rows, " of ",
                  set.shape.rows);
  const hsize_t width = set.shape.columns == 0 ? 1 : static_cast<hsize_t>(set.shape.columns);
  const std::array<hsize_t, 2> first{static_cast<hsize_t>(first_row), 0}, count{static_cast<hsize_t>(rows), width};
  std::vector<T> values(count[0] * count[1]);
  if (values.empty()) return values;
  const Hdf5Handle source(H5Dget_space(set.handle.get()), H5Sclose);
  const Hdf5Handle target(H5Screate_simple(set.shape.columns == 0 ? 1 : 2, count.data(), nullptr), H5Sclose);
  if (H5Sselect_hyperslab(source.get(), H5S_SELECT_SET, first.data(), nullptr, count.data(), nullptr) < 0 ||
      H5Dread(set.handle.get(), native_type<T>(), target.get(), source.get(), H5P_DEFAULT, values.data()) < 0) {
    state_->fail_read(name);
  }
  return values;
}

void Hdf5File::start_streaming() {
  const Hdf5Lock lock;
  flush();
  if (H5Fstart_swmr_write(state_->file.get()) < 0) state_->fail_write("");
}

void Hdf5File::flush() {
  const Hdf5Lock lock;
  state_->writable("flush");
  for (auto& [name, set] : state_->growing) {
    if (H5Dflush(set.handle.get()) < 0) state_->fail_write(name);
  }
  if (H5Fflush(state_->file.get(), H5F_SCOPE_LOCAL) < 0) state_->fail_write("");
}

#define TERSEGRAD_HDF5_TYPE(T)                                                                          \
  template void Hdf5File::write<T>(const std::string&, std::span<const T>, std::int64_t);               \
  template void Hdf5File::create_growing<T>(const std::string&, std::int64_t, std::int64_t);            \
  template void Hdf5File::append<T>(const std::string&, std::span<const T>);                            \
  template std::vector<T> Hdf5File::read<T>(const std::string&, std::int64_t, std::int64_t) const;
TERSEGRAD_HDF5_TYPE(float)
TERSEGRAD_HDF5_TYPE(double)
TERSEGRAD_HDF5_TYPE(std::int64_t)
#undef TERSEGRAD_HDF5_TYPE

}  // namespace tersegrad
