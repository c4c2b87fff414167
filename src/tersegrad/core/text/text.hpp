// Numbers and names as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tersegrad {

/// "1.50 kB", "134 MB": three significant digits, decimal units (as link speeds are quoted).
std::string format_bytes(double bytes);
/// "12.3 ms", "4.56 s", "2 min 05 s", "3 h 12 min".
std::string format_duration(double seconds);
/// `digits` significant digits, no trailing zeros ("0.0125", "1.3e-07").
std::string format_number(double value, int digits = 4);

/// Text for one line of a message: control characters as \n, \t, \x1b.
std::string printable(std::string_view text);
/// \throws Error naming `what` ("--out") if the text has control characters: names are kept and shown as parts of lines
void require_printable(std::string_view text, const std::string& what);

}  // namespace tersegrad
