// The plug-ins that this process has loaded (core/plugin.hpp says what one is).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tersegrad {

/// A shared library of somebody's members.
struct Plugin {
  std::string name;                  ///< as TERSEGRAD_PLUGIN says
  std::string version;               ///< its author's own
  std::filesystem::path file;        ///< absolute
  std::string content;               ///< a fingerprint of the file: 16 hexadecimal digits
  std::vector<std::string> members;  ///< what it has added: compressor 'block-sign'

  /// "block-sign 1.0 (block_sign.so, 0123456789abcdef)": for people and for records.
  std::string text() const;
};

/// Loads a plug-in; nothing happens if this very file is loaded already. Whatever is wrong is found before its code runs in
/// this process: its stamp is read in the file, and its static initialisers run once in a child process.
/// \throws Error, one line naming the file: it cannot be read, is no shared library, is no plug-in, was built for another
/// tersegrad, needs what the program does not have, fails as it is loaded, adds nothing, or adds a name that is taken. The
/// process should then end: what has been loaded cannot be unloaded
void load_plugin(const std::filesystem::path& file);

/// In the order in which they were loaded.
const std::vector<Plugin>& loaded_plugins();

/// Their Plugin::text(), separated by "; "; "" for none.
std::string loaded_plugins_text();

}  // namespace tersegrad
