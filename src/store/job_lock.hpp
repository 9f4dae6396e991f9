#pragma once

#include <filesystem>
#include <utility>

namespace factsweep {

/// While it lives no other job can take the same sweep. A file of its own, so that readers, who
/// lock the results file, are not disturbed; the system drops the lock when the process dies. The
/// file says who holds it.
class JobLock {
 public:
  JobLock() = default;
  /// EnvironmentError: another job holds it (names host, process and since when), or the file
  /// cannot be created.
  explicit JobLock(const std::filesystem::path& path);
  JobLock(JobLock&& other) noexcept
      : path_(std::move(other.path_)),
        descriptor_(std::exchange(other.descriptor_, -1)),
        guards_(other.guards_) {}
  JobLock& operator=(JobLock&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(descriptor_, other.descriptor_);
    std::swap(guards_, other.guards_);
    return *this;
  }
  ~JobLock();

  /// False on a file system without locks, where a second job would not be noticed.
  bool guards() const { return guards_; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  bool guards_ = true;
};

}  // namespace factsweep
