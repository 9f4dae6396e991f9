// The result files of one sweep: NAME.h5 and NAME.weights.h5, parallel HDF5 on the job's
// communicator. Rank 0 makes the whole layout under a temporary name and renames it, all ranks open
// it together, and from then on each only writes raw data, independently, and a stage's status byte
// last. So the file opens and is right after kill -9 of anything at any time, and a rerun goes on
// from it. (docs/layout.md)
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "factsweep/mpi/communicator.hpp"
#include "factsweep/plan/plan.hpp"
#include "factsweep/plan/seen.hpp"
#include "factsweep/store/stage_sums.hpp"

namespace factsweep {

/// One byte in /stages/status and /points/status.
enum class Status : std::uint8_t { waiting = 0, running = 1, done = 2, failed = 3, blocked = 4 };

inline constexpr int kLayoutVersion = 2;

/// What a run says of itself in the file's root attributes (beside filetype and layout_version).
struct RunDescription {
  std::string deck_text;  // the effective deck
  std::map<std::string, std::string>
      science;  // Deck::science(): must be equal for a rerun to go on, as what Plan::inputs holds
  std::string command_line;
  std::map<std::string, std::string> versions;  // library -> version
  int ranks = 1;
};

struct StageRecord {
  Status status = Status::waiting;
  double seconds = 0;
  int rank = -1;
  std::string reason;  // of a failure, cut to 256 bytes
  StageSums sums = {};  // of a stage that is done
};

/// "1.14.5": of the HDF5 library that is loaded.
std::string hdf5_version();

/// The weights file beside a results file: NAME.h5 -> NAME.weights.h5.
std::filesystem::path weights_path(const std::filesystem::path& results);

/// Of each kind of stage, so many are told of one by one.
inline constexpr std::size_t kShownStages = 10;

/// What a job says of a stage that it runs.
struct RunningStage {
  std::size_t stage = 0;  // row of /stages
  double seconds = 0;     // it has run
  double fraction = 0;    // of it that is done
};

/// What a job says of itself while it runs.
struct JobProgress {
  std::vector<RunningStage> running;  // those that have run longest, kShownStages at most
  double share = 0;                   // of the sweep's work that is done, running stages' included
  std::optional<double> seconds_left;
};

class Store {
 public:
  /// Creates both files, or reopens them when they exist. Collective; every rank passes the same
  /// plan. The weights file is made only when the plan has datasets in it. Files of another deck of
  /// which no stage has finished and no checkpoint is left are replaced. InputError: the file was
  /// written with another deck (names the keys that differ, at most five, old and new value) or from
  /// input that holds something else now (names it), or is no factsweep file or has another layout
  /// version. Input that only lies elsewhere is a note. EnvironmentError: folder unwritable, no
  /// space, another job has it. Stages that were not done (running, failed, blocked) count as
  /// waiting again, and so do those whose results are not what they wrote: a note.
  Store(const Communicator& comm, const std::filesystem::path& path, const Plan& plan,
        const RunDescription& run);
  ~Store();  // closes without throwing; not collective-safe after a failure, so then it leaves the
             // files open

  /// Collective close; EnvironmentError when the last writes fail.
  void close();
  /// Independent, in its place where ranks are lost: flushes what is written to the disk, and
  /// leaves the files open (see files_left_open). EnvironmentError.
  void leave();

  /// On rank 0: what users should know of the files and where they are, a sentence each.
  std::vector<std::string> notes() const;

  /// Independent. `array.size()` must equal the slab's volume. EnvironmentError (path, HDF5's
  /// deepest reason).
  void write(const Slab& slab, const Array& array);
  /// Independent. To every place of the output; returns its part of the stage's sum.
  std::uint64_t write(const Output& output, const Array& array);
  /// Independent. The same of what the output's places hold.
  std::uint64_t sum(const Output& output) const;
  /// Independent. Whether the weights of a stage that is done are those that it has left;
  /// `planned`: the stage.
  bool keeps_weights(std::size_t stage, const Stage& planned) const;
  /// Independent. Of slabs that were complete when the file was opened (see `record`), that this
  /// rank wrote, or whose writer has since said that it is done.
  Array read(const Slab& slab) const;

  /// The journal row of a stage as it was when the file was opened, or as this rank recorded it.
  StageRecord record(std::size_t stage) const;
  /// Independent. Writes seconds, rank and reason, of a stage that is done its sums, then the
  /// status byte; also of the points whose leaf it is.
  void set_record(std::size_t stage, const StageRecord& record);
  /// Independent. The most memory that was held while the stage ran, for read_seen().
  void set_peak_bytes(std::size_t stage, double bytes);

  /// On rank 0, from any thread: how far the job is, for read_status().
  void tell(const JobProgress& progress) const;

 private:
  struct Files;
  std::unique_ptr<Files> files_;
};

/// What the finished stages of a results file took, by kind. InputError: no file, none of ours,
/// another layout version.
SeenKinds read_seen(const std::filesystem::path& path);

/// A file is open that could not be closed. Do not call MPI_Finalize then: HDF5 closes its files
/// there, and crashes or waits for ever where it cannot.
bool files_left_open();

/// The job that has a sweep, by the file that lies beside its results while it runs, and stays
/// there when it dies.
struct JobSign {
  bool is_running = false;
  int ranks = 1;
  std::string holder;     // "host node7, process 4711, Slurm job 99, since 2026-11-29 12:51:09 UTC"
  std::string last_sign;  // "2026-11-29 12:51:09 UTC"
  double age_s = 0;       // of it, by this machine's clock
  std::string ended;      // why it ended, where it could say so
  JobProgress progress;   // as it said last
};
/// Nothing: no job runs, and the last one ended in order.
std::optional<JobSign> read_job_sign(const std::filesystem::path& results);

/// A stage, and of it what is known.
struct StageLine {
  std::string title;
  int rank = -1;  // that ran it, or runs it
  std::optional<double> seconds, fraction;  // it took, or has run; is done
  std::string reason;                       // why it failed
};

/// What `factsweep status` shows; reads the results file alone, serially, also while a job writes
/// it, and the job's sign.
struct SweepStatus {
  std::string study;
  std::int64_t points = 0, points_done = 0, points_failed = 0;  // failed: or blocked
  std::int64_t stages = 0, stages_done = 0, stages_failed = 0, stages_running = 0,
               stages_blocked = 0;
  double cost_done = 0, cost_total = 0;  // FLOP, estimated
  double seconds_done = 0;               // summed over finished stages
  /// At most kShownStages each: finished ones by their seconds, running ones by how long they have
  /// run, failed ones as they stand in the plan.
  std::vector<StageLine> slowest, running, failed;
  std::vector<std::string> worse;  // ids of points whose training loss ended above where it began
  int ranks = 1;                         // of the job that made the file
  std::optional<JobSign> job;
};
SweepStatus read_status(const std::filesystem::path& path);

/// Leaves word of why the job ends, for read_job_sign(). Never throws; any rank may call it.
void leave_word(const std::filesystem::path& results, const std::string& why);

}  // namespace factsweep
