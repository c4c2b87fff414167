// Inside log/: HDF5 identifiers as owned handles, and HDF5's error stack as a text.
#pragma once

#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

namespace tersegrad::detail {

/// Owns one HDF5 identifier; negative: none.
class Hdf5Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Hdf5Handle() = default;
  Hdf5Handle(hid_t id, Close close) : id_(id), close_(close) {}
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    if (this != &other) {
      close();
      id_ = std::exchange(other.id_, -1);
      close_ = other.close_;
    }
    return *this;
  }
  ~Hdf5Handle() { close(); }

  hid_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  /// Closes now. \returns HDF5's status: negative if what closing had to write could not be written
  herr_t close() { return id_ < 0 ? 0 : close_(std::exchange(id_, -1)); }

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

/// Held during every call into the library, which is not thread-safe. First use sets the library up: it prints
/// nothing, and does not try at the program's end to write what could not be written before.
class Hdf5Lock {
 public:
  Hdf5Lock();

 private:
  std::lock_guard<std::recursive_mutex> lock_;
};

/// The innermost reason on HDF5's error stack: the operating system's where there is one.
std::string hdf5_reason();

}  // namespace tersegrad::detail
