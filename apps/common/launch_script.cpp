#include "apps/common/launch_script.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"

extern char** environ;

namespace tersegrad {
namespace {

namespace fs = std::filesystem;

/// Reads a descriptor to its end and keeps the last few kilobytes.
std::string read_tail(int fd) {
  std::string text;
  char chunk[4096];
  for (;;) {
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(chunk, static_cast<std::size_t>(got));
    if (text.size() > 4 * sizeof chunk) text.erase(0, text.size() - 2 * sizeof chunk);
  }
}

std::string last_line(std::string text) {
  text.erase(text.find_last_not_of(" \n\r\t") + 1);
  return text.substr(text.find_last_of('\n') + 1);  // npos + 1 = 0: the whole
}

/// How a program ended, and the last that it wrote to stderr.
struct Ended {
  int failure = 0;  ///< errno where it could not be started
  int status = 0;   ///< as waitpid gives it
  std::string said;
  /// Whether it is the program that cannot run, rather than what it was asked to do: not started, 126 and 127 (a shim
  /// that finds nothing, a loader without its libraries), a signal that is not a request to end.
  bool broken = false;
};

Ended run_and_read(const std::vector<std::string>& command, char** environment) {
  std::vector<char*> argv;
  for (const auto& argument : command) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  int ends[2];
  TERSEGRAD_CHECK(::pipe2(ends, O_CLOEXEC) == 0, "cannot start ", command[0], ": ", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  pid_t pid = 0;
  Ended ended;
  ended.failure = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environment);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (ended.failure == 0) ended.said = read_tail(ends[0]);
  ::close(ends[0]);
  if (ended.failure == 0) {
    while (::waitpid(pid, &ended.status, 0) < 0 && errno == EINTR) {
    }
  }
  const int status = ended.status;
  const auto asked_to_end = [](int signal) { return signal == SIGTERM || signal == SIGINT || signal == SIGHUP; };
  ended.broken = ended.failure != 0 ||
                 (WIFEXITED(status) && (WEXITSTATUS(status) == 126 || WEXITSTATUS(status) == 127)) ||
                 (WIFSIGNALED(status) && !asked_to_end(WTERMSIG(status)));
  return ended;
}

/// The environment less some of its variables, ended by a null pointer; points into environ.
std::vector<char*> environment_without(const std::vector<std::string>& names) {
  std::vector<char*> kept;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    const bool dropped = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return text.starts_with(name) && text.substr(name.size()).starts_with('=');
    });
    if (!dropped) kept.push_back(*variable);
  }
  kept.push_back(nullptr);
  return kept;
}

}  // namespace

fs::path find_launch_script(const std::string& name) {
  std::vector<std::string> looked;
  std::error_code error;
  std::vector<fs::path> folders;
  if (const char* folder = std::getenv("TERSEGRAD_LAUNCH_DIR")) {
    folders.emplace_back(folder);
  } else {
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    if (!error) folders.push_back(program.parent_path().parent_path() / "share" / "tersegrad" / "launch");
    folders.emplace_back(TERSEGRAD_LAUNCH_DIR);
  }
  for (const auto& folder : folders) {
    if (fs::is_regular_file(folder / name, error)) return folder / name;
    looked.push_back("'" + folder.string() + "'");
  }
  throw Error(concat("cannot find the script '", name, "' (looked in ", join(looked, " and "),
                     "); set TERSEGRAD_LAUNCH_DIR to its folder"));
}

void run_python_script(const std::string& name, const std::vector<std::string>& arguments) {
  const std::string script = find_launch_script(name).string();
  // -s -E: no module out of the user's own environment (PYTHONPATH, PYTHONHOME, the user's site-packages).
  std::vector<std::string> command{"python3", "-B", "-s", "-E", script};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const std::string system_python = "/usr/bin/python3";
  Ended ended = run_and_read(command, environ);
  std::error_code error;
  if (ended.broken && fs::exists(system_python, error)) {
    command[0] = system_python;
    // What these bring in is for another Python, and may be what broke it.
    auto clean = environment_without({"LD_LIBRARY_PATH", "LD_PRELOAD"});
    ended = run_and_read(command, clean.data());
  }
  TERSEGRAD_CHECK(ended.failure != ENOENT, "'", script,
                  "' needs python3, matplotlib and h5py; apt install python3-matplotlib python3-h5py");
  TERSEGRAD_CHECK(ended.failure == 0, "cannot start python3 for ", script, ": ", std::strerror(ended.failure));
  const int status = ended.status;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  const std::string line = last_line(ended.said);
  if (!line.empty()) throw Error(line);
  throw Error(concat("'", script, "' ended without a word (", WIFSIGNALED(status) ? "signal " : "exit status ",
                     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), ")"));
}

}  // namespace tersegrad
