// What a shared library's file says of itself, read without loading it: loading it runs its code.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tersegrad {

/// The text that lies in a shared library under the name of an exported array of characters.
/// \param file  the content of an ELF file
/// \returns up to the array's first zero; nothing where there is no such name
/// \throws Error "is not …", with the file's name to be put before it, if it is no shared library, one for another
/// processor, or a damaged one
std::optional<std::string> exported_text(std::string_view file, const std::string& name);

}  // namespace tersegrad
