#include "tersegrad/train/stop_signal.hpp"

#include <csignal>

namespace tersegrad {
namespace {

volatile std::sig_atomic_t last_signal = 0;

extern "C" void note_signal(int signal) {
  if (last_signal == SIGINT && signal == SIGINT) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
  last_signal = signal;
}

}  // namespace

StopSignal::StopSignal() {
  last_signal = 0;
  std::signal(SIGTERM, note_signal);
  std::signal(SIGINT, note_signal);
}

StopSignal::~StopSignal() {
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
}

int StopSignal::received() { return last_signal; }

}  // namespace tersegrad
