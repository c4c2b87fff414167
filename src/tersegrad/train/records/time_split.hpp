// Where the wall-clock time of steps went.
#pragma once

namespace tersegrad {

/// Disjoint parts of a step's time, or of many steps' together, in seconds.
struct TimeSplit {
  double compute = 0;   ///< gradients: forward, backward, loading the batch, clipping, injected noise
  double compress = 0;  ///< encoding, decoding
  double exchange = 0;  ///< messages under way, aggregation, and waiting for the slowest agent
  double apply = 0;     ///< the update of x

  TimeSplit& operator+=(const TimeSplit& other) {
    compute += other.compute;
    compress += other.compress;
    exchange += other.exchange;
    apply += other.apply;
    return *this;
  }
  TimeSplit operator/(double divisor) const {
    return {compute / divisor, compress / divisor, exchange / divisor, apply / divisor};
  }
};

}  // namespace tersegrad
