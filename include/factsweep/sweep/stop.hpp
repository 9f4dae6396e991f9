// When must the job end? At SIGTERM or SIGUSR1, or when the wall limit comes near.
#pragma once

namespace factsweep {

/// Installs handlers for SIGTERM, SIGUSR1 and SIGINT that only set a flag (a second SIGINT ends at
/// once).
void install_stop_signals();

/// True from the first such signal on.
bool stop_signalled();

}  // namespace factsweep
