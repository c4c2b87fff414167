// Attributes of Hdf5File: texts (UTF-8, variable length), 64-bit integers, doubles, and booleans as h5py writes them.
#include <cstring>
#include <optional>

#include "tersegrad/core/error.hpp"
#include "tersegrad/log/hdf5/hdf5_state.hpp"

namespace tersegrad {
namespace {

using detail::Hdf5Handle;
using detail::Hdf5Lock;

constexpr std::size_t longest_fixed_text = std::size_t{1} << 20;

Hdf5Handle text_type() {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

Hdf5Handle boolean_type() {
  Hdf5Handle type(H5Tenum_create(H5T_NATIVE_INT8), H5Tclose);
  const signed char no = 0, yes = 1;
  H5Tenum_insert(type.get(), "FALSE", &no);
  H5Tenum_insert(type.get(), "TRUE", &yes);
  return type;
}

/// What an attribute is written from: its type and the bytes to hand over.
struct Source {
  Hdf5Handle type;
  const void* bytes;
  const char* text = nullptr;
  signed char truth = 0;

  explicit Source(const LogValue& value) {
    if (const auto* boolean = std::get_if<bool>(&value)) {
      truth = *boolean ? 1 : 0;
      type = boolean_type();
      bytes = &truth;
    } else if (const auto* whole = std::get_if<std::int64_t>(&value)) {
      type = Hdf5Handle(H5Tcopy(H5T_STD_I64LE), H5Tclose);
      bytes = whole;
    } else if (const auto* real = std::get_if<double>(&value)) {
      type = Hdf5Handle(H5Tcopy(H5T_IEEE_F64LE), H5Tclose);
      bytes = real;
    } else {
      text = std::get<std::string>(value).c_str();
      type = text_type();
      bytes = &text;
    }
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
};

std::optional<std::string> read_text(hid_t attribute, hid_t type) {
  if (H5Tis_variable_str(type) > 0) {
    char* text = nullptr;
    const Hdf5Handle memory(H5Tcopy(type), H5Tclose);
    if (H5Aread(attribute, memory.get(), &text) < 0) return std::nullopt;
    std::string copy = text == nullptr ? "" : text;
    H5free_memory(text);
    return copy;
  }
  const std::size_t size = H5Tget_size(type);
  if (size == 0 || size > longest_fixed_text) return std::nullopt;
  std::string text(size, '\0');
  if (H5Aread(attribute, type, text.data()) < 0) return std::nullopt;
  text.resize(std::strlen(text.c_str()));
  return text;
}

/// The attribute's value; nothing if it is no single text, number or boolean, or cannot be read.
std::optional<LogValue> read_value(hid_t attribute) {
  const Hdf5Handle type(H5Aget_type(attribute), H5Tclose), space(H5Aget_space(attribute), H5Sclose);
  if (!type || !space || H5Sget_simple_extent_npoints(space.get()) != 1) return std::nullopt;
  std::int64_t whole = 0;
  double real = 0;
  signed char truth = 0;
  switch (H5Tget_class(type.get())) {
    case H5T_INTEGER:
      if (H5Aread(attribute, H5T_NATIVE_INT64, &whole) < 0) return std::nullopt;
      return whole;
    case H5T_FLOAT:
      if (H5Aread(attribute, H5T_NATIVE_DOUBLE, &real) < 0) return std::nullopt;
      return real;
    case H5T_ENUM:
      if (H5Aread(attribute, boolean_type().get(), &truth) < 0) return std::nullopt;
      return truth != 0;
    case H5T_STRING:
      if (auto text = read_text(attribute, type.get())) return std::move(*text);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

using Attributes = std::vector<std::pair<std::string, LogValue>>;

herr_t collect(hid_t object, const char* name, const H5A_info_t*, void* all) {
  const Hdf5Handle attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose);
  if (!attribute) return 0;
  if (auto value = read_value(attribute.get())) static_cast<Attributes*>(all)->emplace_back(name, std::move(*value));
  return 0;
}

}  // namespace

void Hdf5File::set_attribute(const std::string& object, const std::string& key, const LogValue& value) {
  const Hdf5Lock lock;
  const hid_t file = state_->writable(object);
  const Source source(value);
  const Hdf5Handle owner(H5Oopen(file, object.c_str(), H5P_DEFAULT), H5Oclose), space(H5Screate(H5S_SCALAR), H5Sclose);
  if (!owner) state_->fail_write(object);
  if (H5Aexists(owner.get(), key.c_str()) > 0 && H5Adelete(owner.get(), key.c_str()) < 0) state_->fail_write(object);
  const Hdf5Handle attribute(
      H5Acreate2(owner.get(), key.c_str(), source.type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!attribute || H5Awrite(attribute.get(), source.type.get(), source.bytes) < 0) state_->fail_write(object);
}

std::vector<std::pair<std::string, LogValue>> Hdf5File::attributes(const std::string& object) const {
  const Hdf5Lock lock;
  const Hdf5Handle owner(H5Oopen(state_->readable(), object.c_str(), H5P_DEFAULT), H5Oclose);
  if (!owner) state_->fail_read(object);
  Attributes all;
  herr_t status = H5Aiterate2(owner.get(), H5_INDEX_CRT_ORDER, H5_ITER_INC, nullptr, collect, &all);
  if (status < 0) {
    all.clear();
    status = H5Aiterate2(owner.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &all);
  }
  if (status < 0) state_->fail_read(object);
  return all;
}

}  // namespace tersegrad
