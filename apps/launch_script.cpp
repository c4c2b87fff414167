#include "apps/launch_script.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/spec.hpp"

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
  std::vector<char*> argv{const_cast<char*>("python3"), const_cast<char*>(script.c_str())};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  int ends[2];
  TERSEGRAD_CHECK(::pipe2(ends, O_CLOEXEC) == 0, "cannot start ", script, ": ", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  pid_t pid = 0;
  const int failure = ::posix_spawnp(&pid, "python3", &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  const std::string said = failure == 0 ? read_tail(ends[0]) : std::string();
  ::close(ends[0]);
  TERSEGRAD_CHECK(failure != ENOENT, "'", script,
                  "' needs python3, matplotlib and h5py; apt install python3-matplotlib python3-h5py");
  TERSEGRAD_CHECK(failure == 0, "cannot start python3 for ", script, ": ", std::strerror(failure));
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  const std::string line = last_line(said);
  if (!line.empty()) throw Error(line);
  throw Error(concat("'", script, "' ended without a word (", WIFSIGNALED(status) ? "signal " : "exit status ",
                     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), ")"));
}

}  // namespace tersegrad
