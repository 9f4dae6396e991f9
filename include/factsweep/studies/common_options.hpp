// The deck keys that every study shares, and how they turn into settings.
#pragma once

#include <torch/types.h>

#include "factsweep/deck/deck.hpp"
#include "factsweep/train/trainer.hpp"

namespace factsweep {

/// run.*, model.*, data.*, train.*, store.* and grid.seed.
void declare_common_options(OptionTable& table);

/// train.* of the deck; values swept by grid.* replace them point by point.
TrainSettings train_settings(const Deck& deck);

/// The device of this process from run.device: "cpu", "cuda" (by local rank) or "auto".
/// EnvironmentError: cuda asked for and none there.
torch::Device choose_device(const std::string& name, int local_rank);

}  // namespace factsweep
