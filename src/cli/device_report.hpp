// Which device each rank computes on, said once, with what is wrong about it.
#pragma once

#include <string>

#include "factsweep/deck/deck.hpp"
#include "factsweep/mpi/communicator.hpp"
#include "factsweep/plan/machine.hpp"

namespace factsweep::cli {

struct ChosenDevice {
  std::string name;  // "cpu", "cuda:1"
  int ranks = 1;     // that share it; of a CPU 1
};

/// Collective. Chooses by run.device and the rank's place on its node; each rank on a GPU reports
/// it with its free memory. Warns of bfloat16 on a CPU without bfloat16 instructions, and of ranks
/// that share a GPU. EnvironmentError: run.device = cuda, and none can be used, or it cannot
/// multiply matrices of model.dtype.
ChosenDevice report_device(const Communicator& world, const Deck& deck);

/// Collective; before models are loaded. EnvironmentError: a GPU has less free memory than the
/// sweep's stages need even with the smallest passes. Warns where it has less than they are planned
/// with.
void check_memory(const Communicator& world, const ChosenDevice& device, const Need& need);

void warn_of_slow_bfloat16();

}  // namespace factsweep::cli
