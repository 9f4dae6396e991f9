#include "factsweep/sweep/stop.hpp"

#include <csignal>

namespace factsweep {
namespace {

volatile std::sig_atomic_t g_signalled = 0;  // the only global: a handler can reach nothing else

void on_signal(int signal) {
  g_signalled = 1;
  if (signal == SIGINT) std::signal(SIGINT, SIG_DFL);
}

}  // namespace

void install_stop_signals() {
  std::signal(SIGTERM, on_signal);
  std::signal(SIGUSR1, on_signal);
  std::signal(SIGINT, on_signal);
}

bool stop_signalled() {
  return g_signalled != 0;
}

}  // namespace factsweep
