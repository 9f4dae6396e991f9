// Which ranks are lost while the others go on: said by the thread that beats (heartbeat.hpp),
// looked at by the coordinator.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>

namespace factsweep {

/// The launcher was told to leave the other ranks alone when one dies: mpirun --enable-recovery of
/// Open MPI 4, --with-ft ulfm of Open MPI 5.
bool launcher_lets_survivors_live();

/// Of Open MPI 5's mpirun --with-ft ulfm, which ends alone when a rank has called MPI_Abort: from
/// now on this process does not outlive it.
void end_with_launcher();

class Survivors {
 public:
  /// `allowed`: else the job ends with the first rank that is lost.
  Survivors(int ranks, bool allowed) : ranks_(ranks), allowed_(allowed) {}

  /// From now on no rank waits for another in a collective call.
  void begin();
  /// From any thread: the others go on without this rank. False: the job has to end, as ranks wait
  /// for each other, or most of them are lost.
  bool leave_behind(int rank, const std::string& why);
  /// The ranks are about to wait for each other again. False: some are lost, so they must not, for
  /// the rest of the job.
  bool end();

  /// On other ranks than that of the coordinator, which knows.
  void hear_of_losses() { any_lost_ = true; }

  bool is_lost(int rank) const;
  bool any_lost() const { return any_lost_; }
  /// Ranks lost since the last call, and why.
  std::map<int, std::string> newly_lost();

 private:
  const int ranks_;
  const bool allowed_;
  std::atomic<bool> any_lost_ = false, has_news_ = false;
  mutable std::mutex mutex_;  // of what follows
  bool is_open_ = false;
  std::set<int> lost_;
  std::map<int, std::string> news_;
};

}  // namespace factsweep
