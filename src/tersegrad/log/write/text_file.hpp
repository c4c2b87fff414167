// Text files that grow during a run, and the spelling of numbers in them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "tersegrad/log/write/flush_timer.hpp"

namespace tersegrad {

/// A text file written line by line: buffered, every few seconds on the disk, whole at commit.
///
/// It is partial_path(path) until commit() renames it. Destroyed without commit (an exception, a stop), it leaves
/// the .part file with every line written so far.
class TextFile {
 public:
  /// Creates or empties the .part file. \throws Error naming the path and the system's reason
  explicit TextFile(const std::filesystem::path& path);
  ~TextFile();
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;

  /// Appends whole lines. \throws Error naming the path and the system's reason (disk full)
  void write(std::string_view lines);
  void flush();
  /// Flushes to the disk and gives the file its name. Nothing can be written afterwards. \throws Error
  void commit();

 private:
  bool close();
  std::filesystem::path path_;
  std::string buffer_;
  FlushTimer timer_;
  int fd_ = -1;
  bool counts_links_ = false;
};

/// How NaN and infinities are spelt: "nan", "inf", "-inf", or JSON's "null".
enum class NonFinite { named, null };

/// Appends the shortest text that reads back as the same double; whole numbers below 2^53 without an exponent.
void append_number(std::string& text, double value, NonFinite spelling);

}  // namespace tersegrad
