// What the image models ask of a data set, refused with the same words everywhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/network.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {

/// A shape as people write it: [1, 28, 28].
inline std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> sides;
  for (const auto side : shape) sides.push_back(std::to_string(side));
  return concat("[", join(sides), "]");
}

struct ImageShape {
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
};

/// The input as channels × height × width. \throws Error unless it has these three sides, none shorter than
/// one and the picture's no shorter than `least`.
inline ImageShape image_shape(const NetworkShape& shape, const Arguments& arguments, std::int64_t least = 1) {
  const auto& sides = shape.input;
  TERSEGRAD_CHECK(sides.size() == 3 && sides[0] >= 1 && sides[1] >= least && sides[2] >= least, "model '",
                  arguments.spec().text, "' reads images [channels, height, width]",
                  least > 1 ? concat(" of at least ", least, " by ", least, " pixels") : std::string(),
                  ", but this data set's examples are ", shape_text(sides), "; choose another model or data set");
  return {sides[0], sides[1], sides[2]};
}

}  // namespace tersegrad
