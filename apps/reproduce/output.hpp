// What a figure leaves behind: figure.h5, figure.png, figure.svg, report.json and a table of claims.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/reproduce/figure.hpp"
#include "tersegrad/core/terminal/table.hpp"

namespace tersegrad {

/// Writes figure.h5 (every panel and curve) and report.json, and has launch/plot-figure draw the pictures. \throws
/// Error
void write_figure(const std::filesystem::path& folder, const std::string& name, const Figure& figure, Scale scale,
                  const FigureReport& report);

/// The claims as people read them.
/// \param width    columns there are (TextTable::str)
/// \param complete every column, the rule and the derivations, in the figure's order; else what was measured beside what was
///                 predicted, failing claims first, then undecided ones
std::string claim_table(const std::vector<Claim>& claims, std::size_t width, bool complete);

}  // namespace tersegrad
