// Signs of life. A thread of each rank beats: rank 0 hears every rank, every rank hears rank 0, so
// that a dead process or a lost node is noticed where MPI and the launcher say nothing. Each beat
// also says since when the rank's main thread has not moved: a rank that hangs still beats.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "factsweep/mpi/mailbox.hpp"
#include "factsweep/sweep/activity.hpp"

namespace factsweep {

struct HeartbeatLimits {
  double silence_s = 50;   // a rank of which nothing is heard for so long is lost; 0: never
  double hang_s = 30 * 60;  // a rank whose work stands still for so long hangs; 0: never
  double grace_s = 60;     // the other ranks may take to save their work
};

/// What follows when a rank is lost.
struct HeartbeatActions {
  std::function<void()> save_work = {};  // on every rank that hears of it; empty: request_stop()
  std::function<void()> end_job = {};    // on one; empty: MPI_Abort with exit code 3
  /// Asked on rank 0 before any of it: may the others go on without this rank? Empty: no.
  std::function<bool(int rank, const std::string& why)> go_on_without = {};
};

class Heartbeat {
 public:
  /// Collective. Beats from now on. `activity` outlives it.
  Heartbeat(const Communicator& world, const Activity& activity, HeartbeatActions actions = {});
  /// Where end() was not called the process is to end: nothing is waited for.
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  void set_limits(const HeartbeatLimits& limits);
  /// Told once, on the rank that notices it and by a thread of its own, which rank was lost or
  /// hangs; a sentence.
  void on_loss(std::function<void(const std::string& why)> tell);
  /// Collective: no rank is watched any more.
  void end();

 private:
  struct Beat;
  struct Peer;

  void run();
  void hear();
  void speak();
  void leave();
  bool tell_peers(const Beat& beat);
  void watch(double passed_s);
  struct Loss {
    std::size_t rank = 0;
    std::string why;  // empty: nobody is lost
  };
  Loss loss() const;
  bool goes_on_without(const Loss& loss);
  void lose(const std::string& why);
  void end_when_saved();
  bool is_silent(const Peer& peer) const;
  bool hangs(std::size_t rank) const;
  double standing_of(std::size_t rank) const;
  bool is_me(std::size_t rank) const { return static_cast<int>(rank) == rank_; }
  std::string name(std::size_t rank) const;
  Beat mine() const;

  const Activity& activity_;
  HeartbeatActions actions_;
  const int rank_, size_;
  Mailbox mailbox_;

  // of the thread alone
  std::vector<Peer> peers_;  // by rank: rank 0 knows all, the others rank 0 alone
  HeartbeatLimits now_;
  std::uint64_t moves_ = 0;
  double standing_s_ = 0, since_beat_s_ = 0, since_loss_s_ = 0;
  bool saves_ = false;   // told to
  bool has_spoken_ = false;
  std::shared_ptr<std::atomic<bool>> is_told_ = std::make_shared<std::atomic<bool>>(false);
  bool is_lost_ = false, has_ended_job_ = false, has_left_ = false, is_over_ = false;

  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  HeartbeatLimits limits_;
  std::function<void(const std::string&)> tell_;
  bool is_renewed_ = false, ending_ = false, ended_ = false, abandoned_ = false;

  std::thread thread_;
};

}  // namespace factsweep
