// A training as a part of a stage: where its checkpoint lies, and who hears of its progress.
#pragma once

#include <filesystem>

#include "factsweep/stage/workbench.hpp"
#include "factsweep/train/loop.hpp"

namespace factsweep {

/// Where the running stage keeps its training; empty: nowhere.
std::filesystem::path checkpoint_of(const Workbench& bench);

/// Goes on from the checkpoint of an earlier run, and saves one every `checkpoint_interval` seconds
/// and one at the end, from which the stage goes on when it is interrupted later; 0: only when told
/// to stop before the last step. remove_checkpoint(checkpoint_of(bench)) when the stage needs it no
/// more.
LoopOptions stage_loop(Workbench& bench, double checkpoint_interval);

}  // namespace factsweep
