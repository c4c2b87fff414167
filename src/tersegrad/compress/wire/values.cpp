#include "tersegrad/compress/wire/values.hpp"

#include <bit>
#include <cstring>

#include "tersegrad/compress/kernels/dense/half.hpp"

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

double roundoff(ValueFormat format) {
  return format == ValueFormat::fp32 ? 0 : format == ValueFormat::fp16 ? 0x1p-11 : 0x1p-8;
}

void pack_values(ValueFormat format, std::span<const float> values, std::span<std::byte> out) {
  pack_and_count(format, values, out);
}

std::int64_t pack_and_count(ValueFormat format, std::span<const float> values, std::span<std::byte> out) {
  const auto packed = out.first(values.size() * static_cast<std::size_t>(bytes_per_value(format)));
  switch (format) {
    case ValueFormat::fp32:
      return kernels::copy_and_count(values, packed);
    case ValueFormat::fp16:
      return kernels::to_half(values, packed);
    case ValueFormat::bf16:
      return kernels::to_bfloat16(values, packed);
  }
  return 0;
}

void unpack_values(ValueFormat format, std::span<const std::byte> in, std::span<float> out) {
  const auto packed = in.first(out.size() * static_cast<std::size_t>(bytes_per_value(format)));
  switch (format) {
    case ValueFormat::fp32:
      if (!out.empty()) std::memcpy(out.data(), packed.data(), out.size_bytes());
      return;
    case ValueFormat::fp16:
      return kernels::from_half(packed, out);
    case ValueFormat::bf16:
      return kernels::from_bfloat16(packed, out);
  }
}

void decode_axpy_values(ValueFormat format, std::span<const std::byte> in, float step, std::span<float> x) {
  const auto packed = in.first(x.size() * static_cast<std::size_t>(bytes_per_value(format)));
  switch (format) {
    case ValueFormat::fp32:
      return kernels::decode_axpy_floats(packed, step, x);
    case ValueFormat::fp16:
      return kernels::decode_axpy_half(packed, step, x);
    case ValueFormat::bf16:
      return kernels::decode_axpy_bfloat16(packed, step, x);
  }
}

float largest_value(ValueFormat format) {
  return std::bit_cast<float>(format == ValueFormat::fp32   ? 0x7f7fffffu
                              : format == ValueFormat::fp16 ? kernels::largest_half
                                                            : kernels::largest_bfloat16);
}

std::int64_t count_beyond(std::span<const float> values, float limit) { return kernels::count_beyond(values, limit); }

std::int64_t count_nonfinite(std::span<const float> values) {
  return count_beyond(values, largest_value(ValueFormat::fp32));
}

}  // namespace tersegrad
