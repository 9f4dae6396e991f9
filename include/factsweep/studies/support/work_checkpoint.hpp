// What a stage of edits keeps on the disk, so that one that is stopped goes on where it was, and
// how long its edits took.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "factsweep/core/stopwatch.hpp"
#include "factsweep/edit/edit_state.hpp"
#include "factsweep/stage/stage_run.hpp"
#include "factsweep/train/save_schedule.hpp"

namespace factsweep::flearning {

class EditCheckpoint {
 public:
  /// Takes up what an earlier run left; a file that is damaged or another stage's is ignored. The
  /// clock goes on from there.
  explicit EditCheckpoint(StageRun& run);

  /// For an editor: states are saved as run.checkpoint_interval says, and at the end.
  EditKeeper keeper();
  /// For the same editor: run.steps(), which saves the last state when the stage is told to stop.
  StepCallback steps();

  /// Of all runs of the stage.
  Stopwatch& clock() { return clock_; }

  /// When the stage needs it no more.
  void remove() const;

 private:
  void save(const EditState& state);

  StageRun& run_;
  const std::filesystem::path path_;  // empty: nothing is kept
  std::optional<EditState> from_;
  std::function<EditState()> last_;  // the state that the editor is in; empty: none is to be saved
  Stopwatch clock_;
  SaveSchedule schedule_;
};

}  // namespace factsweep::flearning
