// Which device each rank computes on, said once, with what is wrong about it.
#pragma once

#include <string>

#include "factsweep/deck/deck.hpp"
#include "factsweep/mpi/communicator.hpp"

namespace factsweep::cli {

/// Collective. Chooses by run.device and the rank's place on its node; each rank on a GPU reports
/// it with its free memory. Warns of bfloat16 on a CPU without bfloat16 instructions.
std::string report_device(const Communicator& world, const Deck& deck);

void warn_of_slow_bfloat16();

}  // namespace factsweep::cli
