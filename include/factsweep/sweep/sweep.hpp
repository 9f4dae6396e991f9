// Runs a plan over the ranks of a job: a coordinator thread beside rank 0's own work hands ready
// stages to idle ranks, longest critical path first; every rank computes and writes its own
// results.
#pragma once

#include <cstdint>
#include <filesystem>

#include "factsweep/core/error.hpp"
#include "factsweep/mpi/communicator.hpp"
#include "factsweep/store/store.hpp"
#include "factsweep/stage/study.hpp"

namespace factsweep {

struct SweepSettings {
  double wall_limit_s = 0;                  // 0: none; counted from the start of the program
  std::filesystem::path checkpoint_folder;  // of long stages
};

struct SweepResult {
  std::size_t done = 0, failed = 0, blocked = 0, left = 0;
  bool stopped = false;        // told to end before all was done
  ExitCode exit_code() const;  // the same on every rank
};

/// Collective. Stages that the store has as done are not run again.
SweepResult run_sweep(const Communicator& world, Executor& executor, const Plan& plan, Store& store,
                      const SweepSettings& settings);

}  // namespace factsweep
