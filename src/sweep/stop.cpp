#include "factsweep/sweep/stop.hpp"

#include <fmt/format.h>

#include <csignal>
#include <cstdlib>

namespace factsweep {
namespace {

constexpr std::sig_atomic_t kRequested = -1;
// the first signal's number; the only global: a handler can reach nothing else
volatile std::sig_atomic_t g_signalled = 0;

void on_signal(int signal) {
  if (g_signalled == 0) g_signalled = signal;
  if (signal == SIGINT) std::signal(SIGINT, SIG_DFL);
}

}  // namespace

void install_stop_signals() {
  std::signal(SIGTERM, on_signal);
  std::signal(SIGUSR1, on_signal);
  std::signal(SIGINT, on_signal);
}

void request_stop() {
  if (g_signalled == 0) g_signalled = kRequested;
}

bool stop_signalled() {
  return g_signalled != 0;
}

std::string stop_message() {
  const int signal = g_signalled;
  if (signal <= 0) return "";
  std::string message = fmt::format(
      "told to stop (SIG{}): the running stages save their work",
      signal == SIGTERM ? "TERM" : signal == SIGUSR1 ? "USR1" : "INT");
  if (signal == SIGUSR1 || std::getenv("OMPI_COMM_WORLD_SIZE") == nullptr ||
      std::getenv("SLURM_STEP_ID") != nullptr)
    return message;
  const char* grace = std::getenv("OMPI_MCA_odls_base_sigkill_timeout");
  return message + fmt::format(
      ". mpirun, when Ctrl-C or TERM ends it, kills them {} s later: a training that has not saved "
      "its state by then goes on from its last checkpoint (run.checkpoint_interval). Next time, "
      "kill -USR1 of mpirun waits for all to be saved",
      grace == nullptr ? "1" : grace);
}

}  // namespace factsweep
