// Training from the first step to the last, with progress, checkpoints and stops.
#pragma once

#include <vector>

#include "factsweep/stage/study.hpp"
#include "factsweep/train/trainer.hpp"

namespace factsweep {

struct TrainingRecord {
  std::vector<double> loss;  // mean over an epoch's answer tokens
  double seconds = 0;        // that training took, of all runs that it needed
};

/// Goes on from the checkpoint of an earlier run, and saves one every `checkpoint_interval` seconds
/// (0: only when told to stop) and one at the end, from which the stage goes on when it is
/// interrupted later: remove_checkpoint() when the stage needs it no more.
TrainingRecord train_to_end(Trainer& trainer, std::int64_t epochs, Workbench& bench,
                            double checkpoint_interval);
void remove_checkpoint(const Workbench& bench);

}  // namespace factsweep
