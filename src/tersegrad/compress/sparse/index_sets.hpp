// The index sets of Rand-k: drawn alike by the agent and by everyone who reads its messages, so they cost no bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/compress/compressor_setup.hpp"

namespace tersegrad {

/// The k of `layout.dim` coordinates that an agent sends at a step, without replacement, uniform over all
/// subsets, in each replica independently; ascending. A pure function of its arguments.
/// \param indices receives k · replicas indices into the whole vector
/// \throws Error if the whole vector has 2^32 coordinates or more
void draw_indices(const Layout& layout, std::int64_t k, std::uint64_t seed, std::uint32_t agent, std::uint64_t step,
                  std::vector<std::uint32_t>& indices);

/// The part of ascending `indices` that lies in the bucket.
std::span<const std::uint32_t> indices_in(std::span<const std::uint32_t> indices, const Bucket& bucket);

/// Reads a sparsifier's K: a whole number is a count, a number with a point or an exponent a fraction of d = layout.dim
/// in (0, 1], rounded to the nearest count and at least 1. With setup.stretch_of a count is one of all of that, and d has its
/// share. \throws Error unless 1 ≤ k ≤ d
std::int64_t resolve_k(const std::string& text, const CompressorSetup& setup, const std::string& spec);

}  // namespace tersegrad
