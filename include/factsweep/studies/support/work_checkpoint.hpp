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
  /// Reads what an earlier run left. A file that is damaged or another stage's is put aside, and so
  /// is one that the work does not take up.
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
  /// An earlier run's state, and when it was kept: by clock(), and by the stage's.
  struct Earlier {
    WorkState state;
    double work_s = 0, stage_s = 0;
  };

  std::optional<Earlier> read() const;
  bool take_up(const std::function<void(const WorkState&)>& restore);
  void refuse(const std::string& why) const;
  void save(const WorkState& state);

  StageRun& run_;
  const std::filesystem::path path_;  // empty: nothing is kept
  std::optional<Earlier> earlier_;
  std::function<WorkState()> last_;  // the state that the work is in; empty: none is to be saved
  Stopwatch clock_;
  SaveSchedule schedule_;
};

}  // namespace factsweep
