// What a stage of edits or labels keeps on the disk, so that one that is stopped goes on where it
// was, and how long its work took. (Trainings keep theirs by stage_loop().)
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "factsweep/core/stopwatch.hpp"
#include "factsweep/model/work_state.hpp"
#include "factsweep/stage/stage_run.hpp"
#include "factsweep/train/save_schedule.hpp"

namespace factsweep {

class WorkCheckpoint {
 public:
  /// Takes up what an earlier run left; a file that is damaged or another stage's is ignored. The
  /// clock goes on from there.
  explicit WorkCheckpoint(StageRun& run);

  /// For what does the work: states are saved as run.checkpoint_interval says, and at the end.
  WorkKeeper keeper();
  /// For the same: run.steps(), which saves the last state when the stage is told to stop.
  StepCallback steps();

  /// Of all runs of the stage.
  Stopwatch& clock() { return clock_; }

  /// When the stage needs it no more.
  void remove() const;

 private:
  void save(const WorkState& state);

  StageRun& run_;
  const std::filesystem::path path_;  // empty: nothing is kept
  std::optional<WorkState> from_;
  std::function<WorkState()> last_;  // the state that the work is in; empty: none is to be saved
  Stopwatch clock_;
  SaveSchedule schedule_;
};

}  // namespace factsweep
