// CRC-32C (Castagnoli), the checksum of messages: RFC 3720, appendix B.4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tersegrad::kernels {

/// The CRC-32C of `bytes`: polynomial 0x1EDC6F41, bits reflected, begun with and finished by inverting all bits. The
/// check value of "123456789" is 0xe3069283.
///
/// Any alignment. With SSE 4.2 (looked up when the program runs) three streams at once by the processor's crc32
/// instruction, whose result takes three cycles while one can start every cycle; elsewhere by tables.
/// \param before  the checksum of the bytes in front of these: crc32c(b, crc32c(a)) is that of a and b; 0: none
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);

/// Whether crc32c uses the processor's instruction on this machine.
bool has_crc32c_instruction();

namespace reference {
/// The same by tables, eight bytes a step: what machines without the instruction run.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);
}  // namespace reference

}  // namespace tersegrad::kernels
