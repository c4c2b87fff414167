// Work on files that are not to be trusted, in a process of its own.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <string>

namespace tersegrad {

/// A child process that hands over bytes. A library that crashes, hangs or swallows memory over a damaged file then
/// ends the child and not the program.
///
/// The child is a fork that does not execute a program: it has the caller's memory and one thread. `work` may use
/// memory and files there (glibc keeps both usable behind a fork of a program with threads), but no MPI, no other
/// thread and no lock that another thread may hold. It ends with this object, or with the thread that made it.
class Subprocess {
 public:
  using Put = std::function<void(const void* bytes, std::size_t count)>;

  /// \param subject      what is worked on, for messages: "'runs/a/run.h5'"
  /// \param processor_s  the child is ended when it has used so much processor time, or waited ten times as long
  /// \throws Error when no process can be started
  Subprocess(std::string subject, double processor_s, const std::function<void(const Put&)>& work);
  ~Subprocess();
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;

  /// The next bytes that `work` has put, `count` of them unless it has ended well before. \returns how many
  /// \throws Error: that of `work`, or "<subject> is damaged (…)" when the child crashed or was ended
  std::size_t read(void* to, std::size_t count);

 private:
  void end(bool in_time);  ///< waits for the child and judges how it ended

  std::string subject_;
  double silence_s_;
  pid_t pid_ = -1;  ///< -1: it has ended
  int in_ = -1;
  char* failure_ = nullptr;  ///< shared with the child: a sign of how `work` ended, and its Error's text
};

/// What `work` returns, computed in such a process.
std::string run_in_subprocess(const std::string& subject, double processor_s, const std::function<std::string()>& work);

}  // namespace tersegrad
