// When must the job end? At SIGTERM or SIGUSR1, or when the wall limit comes near.
#pragma once

#include <string>

namespace factsweep {

/// Installs handlers for SIGTERM, SIGUSR1 and SIGINT that only set a flag (a second SIGINT ends at
/// once).
void install_stop_signals();

/// As such a signal does.
void request_stop();

/// True from the first such signal or request on.
bool stop_signalled();

/// What the signal means here, for people; empty without one.
std::string stop_message();

}  // namespace factsweep
