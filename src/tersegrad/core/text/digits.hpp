// Figures with as many digits as are known of them.
#pragma once

#include <string>

namespace tersegrad {

/// How many times fewer bytes than another way's: "31.2×"; below 1 the other way round, "1.01× more"; "–" where that is
/// no number. \param ratio  the other way's bytes over these
std::string format_fewer(double ratio);

/// An estimated duration below a minute with two significant digits, "24 ms", "4.2 ms", "350 ms"; a longer one as
/// format_duration().
std::string format_estimate(double seconds);

/// "100 Mbit/s", "9.41 Gbit/s", with `digits` significant digits.
std::string format_rate(double bits_per_s, int digits = 3);

}  // namespace tersegrad
