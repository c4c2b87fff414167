// The capabilities by name; each is declared in a header of its own beside this one.
#pragma once

namespace tersegrad {

// What a method may do beyond compressing, each in a header of its own in capabilities/. An accessor that returns null, the
// default, says that it does not; whoever asks then takes the plain way, with the same bits.
class AxpbyEncoder;       // encodes a·gradient + b·memory in one pass
class SparseEncoder;      // lists the few coordinates that it kept
class EncoderMemory;      // remembers floats between steps
class RoundsEncoder;      // sends more than once a step
class PartialSums;        // adds up groups of agents first
class FusedUpdate;        // x ← x − step·mean without the mean in between
class DenseView;          // has the mean lying somewhere as plain floats
class SparseView;         // lists the mean's few coordinates
class AggregatorMemory;   // remembers floats between steps, on every rank the same
class RootMemory;         // remembers floats between steps where it aggregates
class RoundsAggregator;   // hands the aggregate of a round to the next
class FusedFeedback;      // has encoders of error feedback of its own
class Rounds;             // sends more than once a step: which vectors

}  // namespace tersegrad
