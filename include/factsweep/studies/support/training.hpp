// A training as a part of a stage: where its checkpoint lies, who hears of its progress, and
// whether it came to any good.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "factsweep/stage/stage_run.hpp"
#include "factsweep/train/loop.hpp"

namespace factsweep {

/// Where the running stage keeps its training; empty: nowhere.
std::filesystem::path checkpoint_of(const Workbench& bench);

/// Goes on from the checkpoint of an earlier run, and saves one every run.checkpoint_interval and
/// one at the end, from which the stage goes on when it is interrupted later; 0: only when told to
/// stop before the last step. remove_checkpoint(checkpoint_of(bench)) when the stage needs it no
/// more.
LoopOptions stage_loop(StageRun& run);

/// What `run`, `status` and the report name points by.
inline const auto kLossRose = column<std::uint8_t>(
    "/points/loss_rose", {"point"}, "1",
    "1: a training loss ended above where it began, or above ln(vocabulary)");

/// Of the losses of a training's epochs, at least one. A model that has unlearnt to guess is no
/// result, though its numbers are finite. One epoch has no other to be compared with: then guessing
/// every token alike is the measure.
bool loss_rose(std::span<const double> loss, std::int64_t vocabulary);

}  // namespace factsweep
