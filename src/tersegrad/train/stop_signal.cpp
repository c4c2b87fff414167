#include "tersegrad/train/stop_signal.hpp"

#include <csignal>
#include <cstdint>
#include <span>

namespace tersegrad {
namespace {

volatile std::sig_atomic_t last_signal = 0;
int living = 0;

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
  std::signal(SIGTERM, note_signal);
  std::signal(SIGINT, note_signal);
}

StopSignal::~StopSignal() {
  if (--living > 0) return;
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
}

int StopSignal::received() { return last_signal; }

bool StopSignal::on_any_rank(const Communicator& comm) {
  std::int64_t told = received() != 0 ? 1 : 0;
  comm.sum(std::span<std::int64_t>(&told, 1));
  return told > 0;
}

}  // namespace tersegrad
