// A plug-in: members of any family in a shared library of their own, which the program loads with --plugin FILE.so.
//
// Its files are written as the tree's own are, each with its Registration; one of them says in addition whose they are:
//
//     TERSEGRAD_PLUGIN("block-sign", "1.0")
//
// and the library is built against the installed package (target tersegrad::tersegrad). examples/ has three.
#pragma once

#include <string>
#include <vector>
#include <version>

namespace tersegrad {

/// The plug-in whose static initialisers run at this moment. The registries tell it what it adds to them.
struct LoadingPlugin {
  std::string title;                 ///< for messages: plug-in 'block-sign' (block_sign.so)
  std::vector<std::string> members;  ///< added so far: compressor 'block-sign'
  std::string refusal;               ///< why it cannot be used, "" so far. Said behind its initialisers: nothing may leave them
};

/// Null while none is being loaded. Only load_plugin() (core/system/plugins.hpp) sets it.
LoadingPlugin*& loading_plugin();

}  // namespace tersegrad

// What a plug-in and the program must have alike, as far as a compiler can say: headers of this version, LibTorch's, and the
// layout of the standard library's classes. TERSEGRAD_VERSION and TERSEGRAD_TORCH_VERSION come with the CMake target.
#if defined(_LIBCPP_VERSION)
#define TERSEGRAD_STANDARD_LIBRARY "libc++"
#elif defined(_GLIBCXX_DEBUG)
#define TERSEGRAD_STANDARD_LIBRARY "libstdc++ with _GLIBCXX_DEBUG"
#elif defined(_GLIBCXX_USE_CXX11_ABI) && !_GLIBCXX_USE_CXX11_ABI
#define TERSEGRAD_STANDARD_LIBRARY "libstdc++ with the old std::string"
#else
#define TERSEGRAD_STANDARD_LIBRARY "libstdc++"
#endif
#define TERSEGRAD_ABI "tersegrad " TERSEGRAD_VERSION ", LibTorch " TERSEGRAD_TORCH_VERSION ", " TERSEGRAD_STANDARD_LIBRARY

/// Makes a shared library a plug-in; once, in one of its files, outside of any namespace. Both are string literals.
/// \param name     what runs call it: their records have it, and --resume asks for it
/// \param version  its author's own: another one says that results may differ, and a run does not go on with it
///
/// The program reads this text in the file before it runs a line of it: three lines, TERSEGRAD_ABI first.
#define TERSEGRAD_PLUGIN(name, version)                                                                             \
  extern "C" [[gnu::visibility("default")]] const char tersegrad_plugin[]; \
  const char tersegrad_plugin[] = TERSEGRAD_ABI "\n" name "\n" version;
