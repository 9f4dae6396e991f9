// A limit on how long MPI itself may take, where nothing else watches yet or any more.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>

#include "factsweep/core/console.hpp"
#include "factsweep/core/error.hpp"

namespace factsweep {

/// Ends the process where MPI waits for a rank that stands still before or after anybody watches.
class Deadline {
 public:
  Deadline(double seconds, std::string why) {
    if (seconds <= 0) return;
    thread_ = std::thread([this, seconds, why = std::move(why)] {
      std::unique_lock lock(mutex_);
      if (over_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return is_over_; }))
        return;
      console::write_error(why);
      std::_Exit(static_cast<int>(ExitCode::environment));
    });
  }
  ~Deadline() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    over_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable over_;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace factsweep
