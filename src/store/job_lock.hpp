#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "factsweep/store/store.hpp"

namespace factsweep {

struct JobLockTimes {
  double beat_s = 10;         // between two signs of life in the file
  double forgotten_s = 600;   // a sign so old is nobody's
};

/// While it lives no other job can take the same sweep. A file of its own, so that readers, who
/// lock the results file, are not disturbed; the system drops the lock when the process dies. The
/// file says who holds it, and a thread writes a sign of life there. Where the system's locks do not
/// reach (a file system without them, or whose locks end at the node), the signs tell: a job that
/// another host has left there is watched for more than two beats.
class JobLock {
 public:
  JobLock();
  /// `ranks`: of this job. EnvironmentError: another job holds it (names host, process and since
  /// when), or the file cannot be created.
  explicit JobLock(const std::filesystem::path& path, int ranks = 1,
                   const JobLockTimes& times = {});
  JobLock(JobLock&&) noexcept;
  JobLock& operator=(JobLock&&) noexcept;
  ~JobLock();

  /// False on a file system without locks, where a second job is noticed by its signs alone.
  bool guards() const;

  /// How far the job is, beside a sign of life in the file; from any thread. Of no lock: nothing.
  void tell(const JobProgress& progress) const;

 private:
  struct Held;
  std::unique_ptr<Held> held_;
};

}  // namespace factsweep
