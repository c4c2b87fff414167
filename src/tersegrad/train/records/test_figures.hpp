// What an evaluation finds.
#pragma once

#include <limits>

namespace tersegrad {

/// A network's figures on test rows.
struct Evaluation {
  double loss = std::numeric_limits<double>::quiet_NaN();      ///< mean over the test labels; NaN: not evaluated
  double accuracy = std::numeric_limits<double>::quiet_NaN();  ///< 0 to 1; NaN: not evaluated
};

}  // namespace tersegrad
