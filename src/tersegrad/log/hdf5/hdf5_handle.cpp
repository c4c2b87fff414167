#include "tersegrad/log/hdf5/hdf5_handle.hpp"

#include <cstdlib>
#include <string_view>

namespace tersegrad::detail {
namespace {

std::recursive_mutex& library_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

/// HDF5's own locks fail on file systems without any, and keep readers out of the log of a run that goes on; a run's
/// folder has a lock of ours (OutputFolder). The variable wins over the property of a file, whoever set it, and the
/// Python scripts that draw inherit it. Before main: while it is set, no other thread may read the environment.
[[maybe_unused]] const int without_locks = ::setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);

herr_t take_innermost(unsigned depth, const H5E_error2_t* error, void* text) {
  if (depth == 0 && error->desc != nullptr) *static_cast<std::string*>(text) = error->desc;
  return 0;
}

}  // namespace

Hdf5Lock::Hdf5Lock() : lock_(library_mutex()) {
  static const bool quiet = [] {
    H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    return true;
  }();
  static_cast<void>(quiet);
}

std::string hdf5_reason() {
  std::string text;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_innermost, &text);
  // "file write failed: time = …, errno = 28, error message = 'No space left on device', buf = 0x…"
  constexpr std::string_view mark = "error message = '";
  const std::size_t begin = text.find(mark);
  if (begin != std::string::npos) {
    const std::size_t from = begin + mark.size();
    const std::size_t end = text.find('\'', from);
    if (end != std::string::npos) return text.substr(from, end - from);
  }
  if (text == "file signature not found") return "it is not an HDF5 file";
  if (text.starts_with("truncated file")) return "it is truncated";
  if (text.starts_with("incorrect metadata checksum")) return "it is damaged (a checksum does not match)";
  return text.empty() ? "HDF5 gives no reason" : text;
}

}  // namespace tersegrad::detail
