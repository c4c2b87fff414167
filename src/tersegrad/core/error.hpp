// Errors: one exception type whose text is the one line a user reads.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace tersegrad {

/// Anything wrong with what the user gave or with the world (files, peers, memory).
///
/// The text is one line: what happened, why it matters, what to do; values in quotes.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A mistake in the program itself that a user may meet: a caller broke a promise. The text says so, "bug: …", and ends the
/// run as any Error does. What only a developer can meet is an `assert`.
class Bug : public Error {
 public:
  explicit Bug(const std::string& what) : Error("bug: " + what) {}
};

/// The arguments written one after another, as `operator<<` writes them.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

}  // namespace tersegrad

/// Throws tersegrad::Error made of the remaining arguments unless `condition` holds. Always on.
#define TERSEGRAD_CHECK(condition, ...)                                  \
  do {                                                                   \
    if (!(condition)) throw ::tersegrad::Error(::tersegrad::concat(__VA_ARGS__)); \
  } while (false)

/// Throws tersegrad::Bug made of the remaining arguments unless `condition` holds. Always on.
#define TERSEGRAD_ASSERT(condition, ...)                                                \
  do {                                                                                  \
    if (!(condition)) throw ::tersegrad::Bug(::tersegrad::concat(__VA_ARGS__)); \
  } while (false)
