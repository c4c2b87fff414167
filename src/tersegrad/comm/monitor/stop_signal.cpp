#include "tersegrad/comm/monitor/stop_signal.hpp"

#include <csignal>
#include <cstdint>
#include <span>

namespace tersegrad {
namespace {

constexpr int heeded[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};

volatile std::sig_atomic_t last_signal = 0;
int living = 0;
bool hang_up_ignored = false;

extern "C" void note_signal(int signal) {
  if (last_signal == SIGINT && signal == SIGINT) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
  last_signal = signal;
}

}  // namespace

StopSignal::StopSignal() {
  if (living++ > 0) return;
  last_signal = 0;
  for (const int signal : heeded) {
    const auto before = std::signal(signal, note_signal);
    if (signal == SIGHUP) hang_up_ignored = before == SIG_IGN;
  }
  if (hang_up_ignored) std::signal(SIGHUP, SIG_IGN);
}

StopSignal::~StopSignal() {
  if (--living > 0) return;
  for (const int signal : heeded) std::signal(signal, signal == SIGHUP && hang_up_ignored ? SIG_IGN : SIG_DFL);
}

int StopSignal::received() { return last_signal; }

bool StopSignal::on_any_rank(const Communicator& comm) {
  std::int64_t told = received() != 0 ? 1 : 0;
  comm.sum(std::span<std::int64_t>(&told, 1));
  return told > 0;
}

}  // namespace tersegrad
