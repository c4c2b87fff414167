// Where data lies when nobody says.
#pragma once

#include <filesystem>

namespace tersegrad {

/// The folder of data sets, by the rule that launch/get-data follows as well: $TERSEGRAD_DATA; else .data in the
/// current folder, if it is there; else tersegrad in the user's folder of data: $XDG_DATA_HOME (an absolute path), else
/// .local/share in $HOME or, without that, in the home that the system knows; for a user without a home: .data.
/// \return an absolute path; nothing need be there
std::filesystem::path default_data_folder();

/// default_data_folder() in a line of help.
inline constexpr const char* data_folder_rule =
    "$TERSEGRAD_DATA, else .data here if it exists, else ~/.local/share/tersegrad (in $XDG_DATA_HOME)";

}  // namespace tersegrad
