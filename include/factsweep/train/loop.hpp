// The loop of every training, from the first step to the last: progress, losses by epoch,
// evaluations in between, checkpoints, and stops. It knows no sweep: whoever trains in a stage
// hands the Workbench's functions in.
//
//     LoopOptions options;
//     options.checkpoint = stem.empty() ? "" : stem + ".safetensors";   // bench.checkpoint_stem()
//     options.checkpoint_interval = seconds;                            // run.checkpoint_interval
//     options.progress = [&](double share, std::int64_t tokens) { bench.step(share, tokens); };
//     const LoopResult result = train(trainer, options);
//     ...                                        // what else the stage does
//     remove_checkpoint(options.checkpoint);
//
// A stage that has more to do after its training, and may be stopped there, sets `keep_finished`:
// run again, train() then returns at once with the same result.
//
// A stage that evaluates after each epoch does so in `on_epoch`, keeps what it finds in variables
// of its own, hands these out in `state` and takes them back in `read_state`. It may call
// bench.step() in there, with training.fraction().
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "factsweep/core/stopwatch.hpp"
#include "factsweep/train/training.hpp"

namespace factsweep {

struct LoopOptions {
  /// Where checkpoints are kept; empty: nowhere. An earlier run's is taken up; one that is damaged
  /// or another training's is put aside, and the training begins anew. One that cannot be written
  /// costs time only when the job ends before the next: the training goes on without it.
  std::filesystem::path checkpoint = {};
  double checkpoint_interval = 0;  // seconds between two at most (SaveSchedule); 0: only at a stop
  bool keep_finished = false;      // also after the last step

  /// After every step: the part of all steps that are done, and the tokens of the step, three times
  /// those that the model was fed, as the backward pass costs two forward passes. Whatever it
  /// throws stops the training: the checkpoint is written, and the exception goes on.
  std::function<void(double fraction, std::int64_t tokens)> progress = {};
  /// When `member` (0 of a Trainer) has finished `epoch` epochs, and before its first step with 0.
  /// It may throw as `progress` may; the continued run then calls it again for the same epoch.
  std::function<void(std::size_t member, std::int64_t epoch)> on_epoch = {};

  /// Told what users should know and is no failure: a checkpoint that was refused or could not be
  /// written, passes that had to be made smaller; a sentence.
  std::function<void(const std::string& text)> say = {};

  /// Of all that the caller does: kept with each checkpoint, and gone on from with it.
  WorkClock* clock = nullptr;

  /// The caller's own state, under names that do not begin with "loop.": saved with each
  /// checkpoint.
  std::function<NamedTensors()> state = {};
  /// Takes it back before the first step of a continued run. An InputError (a tensor is missing or
  /// of another shape, see SafetensorsReader::read) means that the checkpoint is damaged: the
  /// training begins anew, so the caller's state must then be as it was.
  Training::ReadExtra read_state = {};
};

struct LoopResult {
  /// By member: the objective's mean over each epoch that it has finished. Shorter than the number
  /// of epochs for a member that was dropped.
  std::vector<std::vector<double>> loss;
  /// That training took, of all runs that it needed; without on_epoch().
  double seconds = 0;
};

/// Trains to the end. Errors: what a step or a callback throws (see above).
LoopResult train(Training& training, const LoopOptions& options);

/// Whether or not there is one.
void remove_checkpoint(const std::filesystem::path& checkpoint);

}  // namespace factsweep
