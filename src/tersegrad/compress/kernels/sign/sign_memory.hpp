// Signs of what an agent remembers and its gradient together, and the memory's next value, in one pass.
#pragma once

#include <cstddef>
#include <span>

#include "tersegrad/compress/kernels/dense/axpby.hpp"
#include "tersegrad/compress/kernels/sign/sign_pack.hpp"

namespace tersegrad::kernels {

/// pack_signs(p) and out_j ← p_j of an axpby: sign momentum.
/// \param out  [n]; may be the memory \param sign_plane, zero_plane  [⌈n/8⌉]
SignCounts pack_signs_axpby(const Axpby& from, std::span<float> out, std::span<std::byte> sign_plane,
                            std::span<std::byte> zero_plane);

/// Error feedback around a scaled sign (EF14), where the scale of a step is known only once all of it was seen: the
/// memory holds last step's p, whose residual is taken as it is read.
///
///     e_j = p_j − scale·sign(p_j),   p'_j = fl(g_j + e_j),   packs sign(p')
///
/// sign(p_j) = 0 leaves p_j. \param scale  ≥ 0, finite: of the last step; 0: what is remembered is e itself
/// \param memory  [n], finite: p of the last step \param out  [n], receives p'; may be the memory
SignTotals pack_signs_residual(std::span<const float> g, std::span<const float> memory, float scale,
                               std::span<float> out, std::span<std::byte> sign_plane, std::span<std::byte> zero_plane);

/// EF21 around a scaled sign, likewise one step behind: the planes hold the last step's signs s, and receive this one's.
///
///     h_j ← fl(h_j + fl(scale·s_j)) where that is finite,   p_j = fl(g_j − h_j),   packs sign(p)
///
/// \param scale  ≥ 0, finite: of the last step; 0: h stays as it is, whatever the planes hold \param estimate  [n]: h
SignTotals pack_signs_estimate(std::span<const float> g, float scale, std::span<float> estimate,
                               std::span<std::byte> sign_plane, std::span<std::byte> zero_plane);

/// Plain loops with the same results, for tests.
namespace reference {
SignCounts pack_signs_axpby(const Axpby& from, std::span<float> out, std::span<std::byte> sign_plane,
                            std::span<std::byte> zero_plane);
SignTotals pack_signs_residual(std::span<const float> g, std::span<const float> memory, float scale,
                               std::span<float> out, std::span<std::byte> sign_plane, std::span<std::byte> zero_plane);
SignTotals pack_signs_estimate(std::span<const float> g, float scale, std::span<float> estimate,
                               std::span<std::byte> sign_plane, std::span<std::byte> zero_plane);
}  // namespace reference

/// What a memory of pack_signs_residual() stands for: e_j ← p_j − scale·sign(p_j). \param memory  in place
void take_residual(std::span<float> memory, float scale);
/// What pack_signs_estimate() would do to h. \param planes  [⌈n/8⌉] each
void add_signs(std::span<float> estimate, float scale, std::span<const std::byte> sign_plane,
               std::span<const std::byte> zero_plane);

}  // namespace tersegrad::kernels
