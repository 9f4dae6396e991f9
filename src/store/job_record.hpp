// What the lock file says of the job that holds a sweep: two lines of JSON, padded to fixed places, so
// that one write replaces each. The first is the job, written anew at each beat; the second, why it
// ended, where it could say so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "factsweep/store/store.hpp"

namespace factsweep {

struct JobRecord {
  std::string host;
  std::int64_t process = 0;
  std::string job;  // Slurm's number, or empty
  int ranks = 1;
  std::string since, sign;  // UTC: its start, its last sign of life
  std::int64_t beats = 0;
  JobProgress progress;
  std::string ended;

  /// Of this process, now.
  static JobRecord ours(int ranks);
  /// "host node7, process 4711, Slurm job 99, since 2026-11-29 12:51:09 UTC"
  std::string holder() const;
  /// Since the last sign, by this machine's clock.
  double age_s() const;
};

/// "2026-11-29T12:51:09Z" as "2026-11-29 12:51:09 UTC".
std::string readable_time(std::string utc);

/// Whether the text is there decides nothing: a write that fails is no error.
void write_job(int descriptor, const JobRecord& record);
void write_job_end(int descriptor, const std::string& why);
/// Nothing where the file is empty or says something else.
std::optional<JobRecord> read_job(int descriptor);

}  // namespace factsweep
