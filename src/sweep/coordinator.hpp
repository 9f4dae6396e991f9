// The coordinator's side of the sweep: one thread on rank 0, the only one that knows the scheduler.
#pragma once

#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "factsweep/mpi/communicator.hpp"
#include "factsweep/plan/scheduler.hpp"
#include "factsweep/sweep/progress.hpp"
#include "factsweep/sweep/protocol.hpp"
#include "factsweep/sweep/sweep.hpp"

namespace factsweep {

class Coordinator {
 public:
  /// Told which stages have run longest, every few seconds.
  using Tell = std::function<void(const JobProgress&)>;

  /// `artifacts`: shared outputs of stages that an earlier run finished.
  Coordinator(const Communicator& comm, const Plan& plan, const std::vector<bool>& done,
              std::map<std::size_t, std::vector<SharedOutput>> artifacts, double wall_limit_s,
              Tell tell, Survivors& survivors);

  /// Serves requests until every rank has been told to end, or is lost; then tells all others what
  /// came of it.
  SweepResult serve();
  /// Stages that can never run because one below them failed; sorted. After serve().
  const std::set<std::size_t>& blocked() const { return blocked_; }
  /// Stages that have brought down two ranks, and why. After serve().
  const std::map<std::size_t, std::string>& given_up() const { return given_up_; }

 private:
  /// What a rank was handed.
  struct Share {
    std::deque<std::size_t> stages;  // that it has not finished, the first of which runs
    double since = 0;                // then it began
    double flop = 0;                 // of all of them
    std::size_t handed = 0;          // how many it held when some were handed to it last
    // of the last that it finished
    double seconds = std::numeric_limits<double>::infinity(), cost_flop = 0;
  };

  void hear();
  void answer(const Message& message, int rank);
  Share& share_of(int rank) { return shares_[static_cast<std::size_t>(rank)]; }
  void take_out(int rank, std::size_t stage);
  void take_back_unbegun(int rank);
  void give_more(int rank);
  void give_work(int rank);
  bool may_have(const Share& share, std::size_t stage) const;
  void reply(const Message& message, int rank);
  void leave_behind(int rank, const std::string& why);
  void fall_sick(int rank, std::size_t stage, const std::string& why);
  void take_back(std::size_t stage, const std::string& why);
  bool nobody_is_left(const std::string& why);
  void conclude();
  void fail(std::size_t stage, const std::string& why);
  void wake_idle();
  void show_progress();
  void tell_running();
  void say_stop();
  bool must_stop() const;

  const Communicator& comm_;
  const Plan& plan_;
  Scheduler scheduler_;
  std::map<std::size_t, std::vector<SharedOutput>> artifacts_;
  const double wall_limit_s_, started_;
  const Tell tell_;
  Survivors& survivors_;
  const Communicator::GiveUp is_lost_;
  std::vector<Share> shares_;               // by rank
  std::set<int> heard_;                     // of these ranks, until it is all
  std::set<int> idle_;
  std::set<std::size_t> blocked_;
  std::set<int> unfit_;                // ranks that take no more stages: sick or lost
  std::set<std::size_t> handed_back_;  // stages that have brought down a rank
  std::map<std::size_t, std::string> given_up_;
  std::set<int> gone_;  // ranks that were told to end, or are lost
  bool said_stop_ = false;
  double last_shown_ = -1, last_told_ = 0;
  SweepResult result_;
  Progress progress_;
  std::int64_t tokens_ = 0;
};

/// Seconds on a steady clock since the program started.
double seconds_since_start();

}  // namespace factsweep
