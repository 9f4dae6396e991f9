// Runs a plan over the ranks of a job: a coordinator thread beside rank 0's own work hands ready
// stages to idle ranks, longest critical path first; every rank computes and writes its own
// results.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "factsweep/core/error.hpp"
#include "factsweep/mpi/communicator.hpp"
#include "factsweep/stage/study.hpp"
#include "factsweep/store/store.hpp"
#include "factsweep/sweep/activity.hpp"
#include "factsweep/sweep/survivors.hpp"

namespace factsweep {

struct SweepSettings {
  double wall_limit_s = 0;                  // 0: none; counted from the start of the program
  std::filesystem::path checkpoint_folder;  // of long stages
  /// What is wrong with this rank's machine, asked when a stage has failed; empty: nothing, or
  /// nobody can say.
  std::function<std::string()> machine_fault = {};
  /// Bytes that this rank holds on its device, the most since it was asked last; NaN: nobody can say.
  std::function<double()> take_peak_memory = {};
  Activity* activity = nullptr;  // of this rank, for whoever watches it
  Survivors* survivors = nullptr;  // to whom lost ranks are told; none: the job ends with them
};

struct SweepResult {
  std::size_t done = 0, failed = 0, blocked = 0, left = 0;
  bool stopped = false;        // told to end before all was done
  std::string fault;           // of the last rank, when none is left that can work; else empty
  bool has_losses = false;     // ranks are lost: no collective call any more, and no MPI_Finalize
  ExitCode exit_code() const;  // the same on every rank

  std::string pack() const;
  static SweepResult unpack(const std::string& packed);
};

/// Collective, but for ranks that are lost. Stages that the store has as done are not run again.
///
/// A stage that throws is a failed row, but where the machine is at fault: an EnvironmentError, or
/// whatever machine_fault() names. That rank hands the stage back and takes no more; the stage is
/// tried once on another rank, and is a failed row when it brings down that one too. The sweep ends
/// when no rank is left.
SweepResult run_sweep(const Communicator& world, Executor& executor, const Plan& plan, Store& store,
                      const SweepSettings& settings);

}  // namespace factsweep
