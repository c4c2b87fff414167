#include "tersegrad/compress/values.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "tersegrad/compress/kernels/half.hpp"

namespace tersegrad {

Parameter wire_parameter() { return {"wire", "fp32", "number format of the values on the wire: fp32, fp16 or bf16"}; }

ValueFormat wire_format(const Arguments& arguments) {
  const auto& text = arguments.one_of("wire", {"fp32", "fp16", "bf16"});
  return text == "fp32" ? ValueFormat::fp32 : text == "fp16" ? ValueFormat::fp16 : ValueFormat::bf16;
}

std::string wire_suffix(ValueFormat format) {
  return format == ValueFormat::fp32 ? "" : format == ValueFormat::fp16 ? ":wire=fp16" : ":wire=bf16";
}

std::int64_t bytes_per_value(ValueFormat format) { return format == ValueFormat::fp32 ? 4 : 2; }

namespace {

// 16-bit values go through a small block, because a payload may start at any byte.
constexpr std::size_t block = 1024;

}  // namespace

void pack_values(ValueFormat format, std::span<const float> values, std::span<std::byte> out) {
  if (format == ValueFormat::fp32) {
    if (!values.empty()) std::memcpy(out.data(), values.data(), values.size_bytes());
    return;
  }
  std::uint16_t bits[block];
  for (std::size_t i = 0; i < values.size(); i += block) {
    const std::size_t n = std::min(block, values.size() - i);
    const auto convert = format == ValueFormat::fp16 ? kernels::to_half : kernels::to_bfloat16;
    convert(values.subspan(i, n), std::span(bits, n));
    std::memcpy(out.data() + 2 * i, bits, 2 * n);
  }
}

void unpack_values(ValueFormat format, std::span<const std::byte> in, std::span<float> out) {
  if (format == ValueFormat::fp32) {
    if (!out.empty()) std::memcpy(out.data(), in.data(), out.size_bytes());
    return;
  }
  std::uint16_t bits[block];
  for (std::size_t i = 0; i < out.size(); i += block) {
    const std::size_t n = std::min(block, out.size() - i);
    std::memcpy(bits, in.data() + 2 * i, 2 * n);
    const auto convert = format == ValueFormat::fp16 ? kernels::from_half : kernels::from_bfloat16;
    convert(std::span<const std::uint16_t>(bits, n), out.subspan(i, n));
  }
}

float largest_value(ValueFormat format) {
  // What lies half a step above the format's largest number is a tie, and goes to inf, the even one.
  return std::bit_cast<float>(format == ValueFormat::fp32   ? 0x7f7fffffu
                              : format == ValueFormat::fp16 ? 0x477fefffu
                                                            : 0x7f7f7fffu);
}

std::int64_t count_beyond(std::span<const float> values, float limit) {
  // The bits of magnitudes order as the magnitudes do, with inf and NaN on top. Integer compares, so that the loop
  // vectorises and no flag of the floating-point unit matters; 32-bit counts in runs, so that it vectorises four wide.
  constexpr std::size_t run = std::size_t{1} << 20;
  const auto top = std::bit_cast<std::int32_t>(limit);
  std::int64_t total = 0;
  for (std::size_t i = 0; i < values.size(); i += run) {
    const std::size_t end = std::min(values.size(), i + run);
    std::int32_t count = 0;
    for (std::size_t j = i; j < end; ++j) count += (std::bit_cast<std::int32_t>(values[j]) & 0x7fffffff) > top;
    total += count;
  }
  return total;
}

std::int64_t count_nonfinite(std::span<const float> values) {
  return count_beyond(values, largest_value(ValueFormat::fp32));
}

std::int64_t pack_and_count(ValueFormat format, std::span<const float> values, std::span<std::byte> out) {
  constexpr std::size_t run = 4096;  // stays in the first-level cache between the two
  const auto width = static_cast<std::size_t>(bytes_per_value(format));
  const float limit = largest_value(format);
  std::int64_t nonfinite = 0;
  for (std::size_t i = 0; i < values.size(); i += run) {
    const auto part = values.subspan(i, std::min(run, values.size() - i));
    nonfinite += count_beyond(part, limit);
    pack_values(format, part, out.subspan(i * width));
  }
  return nonfinite;
}

}  // namespace tersegrad
