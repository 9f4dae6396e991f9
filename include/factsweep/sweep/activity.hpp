// What the main thread of a rank works on, told by itself and read by the thread that beats.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace factsweep {

class Activity {
 public:
  struct State {
    bool busy = false;      // else it waits for other ranks, for as long as they take
    bool has_work = false;  // that it saves when the job must end
    std::string what;       // it works on, or did last
    std::uint64_t moves = 0;
  };

  /// A step of the work is done.
  void moved() { moves_.fetch_add(1, std::memory_order_relaxed); }
  State state() const;

 private:
  friend class Busy;
  void begin(std::string_view what, bool has_work);
  void rest();

  mutable std::mutex mutex_;  // of the three below
  bool busy_ = false, has_work_ = false;
  std::string what_;
  std::atomic<std::uint64_t> moves_{0};
};

/// While it lives the main thread works on `what`. `has_work`: a stage, which takes a while to save
/// what it has done; else nothing is lost, as while files are opened, which may be a wait for a
/// lost rank.
class Busy {
 public:
  Busy(Activity& activity, std::string_view what, bool has_work = false) : activity_(activity) {
    activity.begin(what, has_work);
  }
  ~Busy() { activity_.rest(); }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  Activity& activity_;
};

}  // namespace factsweep
