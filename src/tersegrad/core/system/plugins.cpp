#include "tersegrad/core/system/plugins.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <sstream>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/hash.hpp"
#include "tersegrad/core/plugin.hpp"
#include "tersegrad/core/system/file.hpp"
#include "tersegrad/core/system/shared_library.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/core/text/text.hpp"

namespace tersegrad {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t said_bytes = 1024;
constexpr int patience_ms = 4000;  // a job whose plug-in hangs ends within five seconds

/// dlopen() that may throw: its declaration says that it does not, and compilers believe it. An exception of a static initialiser
/// passes it with some C libraries; with others it ends the process there.
void* (*volatile const open_library)(const char*, int) = ::dlopen;

std::vector<Plugin>& plugins() {
  static std::vector<Plugin> all;
  return all;
}

/// What TERSEGRAD_PLUGIN has left in the file: three lines.
struct Stamp {
  std::string abi, name, version;
};

Stamp stamp_of(const std::string& bytes) {
  const auto text = exported_text(bytes, "tersegrad_plugin");
  TERSEGRAD_CHECK(text.has_value(), "is not a plug-in: it has no TERSEGRAD_PLUGIN(name, version) (tersegrad/core/plugin.hpp)");
  std::istringstream lines(*text);
  Stamp stamp;
  std::getline(lines, stamp.abi);
  std::getline(lines, stamp.name);
  std::getline(lines, stamp.version);
  TERSEGRAD_CHECK(stamp.abi == TERSEGRAD_ABI, "was built for '", printable(stamp.abi), "' (this program is '", TERSEGRAD_ABI,
                  "'; build it again against this one)");
  TERSEGRAD_CHECK(!stamp.name.empty(), "has an empty name in its TERSEGRAD_PLUGIN(name, version)");
  require_printable(stamp.name, "its name in TERSEGRAD_PLUGIN");
  require_printable(stamp.version, "its version in TERSEGRAD_PLUGIN");
  return stamp;
}

/// The loader's message, with a name of C++ as people write it.
std::string last_dl_error() {
  const char* const raw = ::dlerror();
  std::string text = raw == nullptr ? "for no reason that the system names" : raw;
  const std::string missing = "undefined symbol: ";
  if (const auto at = text.find(missing); at != std::string::npos) {
    std::string symbol = text.substr(at + missing.size());
    symbol = symbol.substr(0, symbol.find_first_of(", \n"));
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> demangled(abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), std::free);
    return concat("needs '", demangled ? demangled.get() : symbol, "', which this program does not have: was it built against this one?");
  }
  return "cannot be loaded: " + text.substr(0, text.find('\n'));
}

/// What ended a static initialiser, for whoever reads the pipe.
int said_to = -1;
[[noreturn]] void say_exception() {
  char line[said_bytes] = "an exception that is no std::exception";
  try {
    if (const auto thrown = std::current_exception()) std::rethrow_exception(thrown);
    std::snprintf(line, sizeof line, "it calls std::terminate");
  } catch (const std::exception& error) {
    std::snprintf(line, sizeof line, "%s", error.what());
  } catch (...) {
  }
  if (::write(said_to, line, std::strlen(line)) < 0) ::_exit(1);
  ::_exit(1);
}

/// Runs the static initialisers in a child, where they may do what they want. \throws Error where they do not end well
void try_initialisers(const fs::path& file, LoadingPlugin loading) {
  int ends[2];
  TERSEGRAD_CHECK(::pipe2(ends, O_CLOEXEC) == 0, "cannot be tried: ", std::strerror(errno));
  std::fflush(nullptr);  // what is buffered must not be printed twice
  const pid_t child = ::fork();
  if (child == 0) {
    const int nowhere = ::open("/dev/null", O_WRONLY);
    for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) ::dup2(nowhere, stream);
    for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) ::signal(signal, SIG_DFL);
    said_to = ends[1];
    std::set_terminate(say_exception);
    loading_plugin() = &loading;
    try {
      open_library(file.c_str(), RTLD_NOW | RTLD_LOCAL);  // that it may refuse is the parent's business
    } catch (...) {
      say_exception();
    }
    if (::write(ends[1], "+", 1) < 0) ::_exit(1);
    ::_exit(0);
  }
  const int failure = errno;
  ::close(ends[1]);
  if (child < 0) ::close(ends[0]);
  TERSEGRAD_CHECK(child > 0, "cannot be tried: ", std::strerror(failure));
  pollfd answer{ends[0], POLLIN, 0};
  int ready = 0;
  do ready = ::poll(&answer, 1, patience_ms);
  while (ready < 0 && errno == EINTR);
  char said[said_bytes];
  const ssize_t length = ready > 0 ? ::read(ends[0], said, sizeof said) : 0;
  ::close(ends[0]);
  if (ready <= 0) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  std::string text(said, length > 0 ? static_cast<std::size_t>(length) : 0);
  if (text == "+") return;
  text = text.substr(0, text.find('\n'));
  if (text.empty()) {
    text = ready <= 0 ? "it does not end" : WIFSIGNALED(status) ? concat("signal ", WTERMSIG(status)) : "it ends the process";
  }
  throw Error(concat("fails as it is loaded (", printable(text), ")"));
}

Plugin loaded(const fs::path& file, const std::string& bytes) {
  const Stamp stamp = stamp_of(bytes);
  Plugin plugin{stamp.name, stamp.version, file, hex(fingerprint(std::as_bytes(std::span(bytes)))), {}};
  for (const Plugin& other : plugins()) {
    TERSEGRAD_CHECK(other.name != plugin.name, "is plug-in '", plugin.name, "', and '", other.file.string(), "' is one of that name already");
  }
  LoadingPlugin loading{concat("plug-in '", plugin.name, "' (", file.filename().string(), ")"), {}, {}};
  try_initialisers(file, loading);
  loading_plugin() = &loading;
  const bool opened = open_library(file.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr;
  loading_plugin() = nullptr;
  if (!opened) throw Error(last_dl_error());
  TERSEGRAD_CHECK(loading.refusal.empty(), "cannot be used: ", loading.refusal);
  TERSEGRAD_CHECK(!loading.members.empty(), "adds nothing to this program (has it a Registration, and is it linked with "
                  "tersegrad::tersegrad and no other copy of it?)");
  plugin.members = loading.members;
  return plugin;
}

}  // namespace

std::string Plugin::text() const { return concat(name, " ", version, " (", file.filename().string(), ", ", content, ")"); }

void load_plugin(const fs::path& file) {
  const std::string bytes = read_file(file);
  const fs::path path = fs::canonical(file);
  for (const Plugin& plugin : plugins()) {
    if (plugin.file == path) return;
  }
  try {
    plugins().push_back(loaded(path, bytes));
  } catch (const Error& error) {
    throw Error(concat("plug-in '", file.string(), "' ", error.what()));
  }
}

const std::vector<Plugin>& loaded_plugins() { return plugins(); }

std::string loaded_plugins_text() {
  std::vector<std::string> texts;
  for (const Plugin& plugin : plugins()) texts.push_back(plugin.text());
  return join(texts, "; ");
}

}  // namespace tersegrad
