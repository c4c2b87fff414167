// How values travel: fp32, fp16 or bf16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {

/// Number format of values on the wire.
enum class ValueFormat { fp32, fp16, bf16 };

/// The declared argument `wire` that every compressor with values shares.
Parameter wire_parameter();
/// Reads it. \throws Error unless it is fp32, fp16 or bf16
ValueFormat wire_format(const Arguments& arguments);
/// "" for fp32, ":wire=fp16", ":wire=bf16": the suffix of a canonical name.
std::string wire_suffix(ValueFormat format);

std::int64_t bytes_per_value(ValueFormat format);
/// Relative unit round-off u: a value in the normal range becomes v(1 + e) with |e| ≤ u. 0 for fp32, 2^-11 for fp16, 2^-8 for bf16.
double roundoff(ValueFormat format);

/// Packs values, rounding to nearest even. \param out values.size() · bytes_per_value bytes
void pack_values(ValueFormat format, std::span<const float> values, std::span<std::byte> out);
/// \param in out.size() · bytes_per_value bytes
void unpack_values(ValueFormat format, std::span<const std::byte> in, std::span<float> out);

/// x_j ← fl(x_j − fl(step·v_j)) with v = unpack_values(in), in one pass. \param in x.size() · bytes_per_value bytes
void decode_axpy_values(ValueFormat format, std::span<const std::byte> in, float step, std::span<float> x);

/// The largest float32 that stays finite in the format, rounded to nearest even: 65519.996 for fp16.
float largest_value(ValueFormat format);

/// Number of values that are NaN or of a magnitude above `limit`. \param limit ≥ 0, finite
std::int64_t count_beyond(std::span<const float> values, float limit);
/// Number of values that are inf or NaN.
std::int64_t count_nonfinite(std::span<const float> values);

/// pack_values and, in one pass over memory, how many values are not finite once packed. \return that count
std::int64_t pack_and_count(ValueFormat format, std::span<const float> values, std::span<std::byte> out);

}  // namespace tersegrad
