// Making the two files and looking into finished ones: what one rank does alone, before all open
// them together.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "factsweep/store/store.hpp"
#include "h5.hpp"
#include "layout.hpp"

namespace factsweep {

/// The journal's columns that a rerun needs, as one block of bytes that can be broadcast.
struct Journal {
  std::vector<std::uint8_t> status;
  std::vector<double> seconds;
  std::vector<std::int32_t> rank;

  explicit Journal(std::size_t stages)
      : status(stages, static_cast<std::uint8_t>(Status::waiting)),
        seconds(stages, 0.0),
        rank(stages, -1) {}
  std::string pack() const;
  void unpack(const std::string& packed);
};

/// What a place of the results file holds until something is written there: 255, -1 or NaN.
std::array<std::byte, 8> fill_value(DType dtype);

/// Makes the results file, and the weights file when the layout has datasets in it, whole, under
/// temporary names, then renames them. EnvironmentError: folder, space, write failure; then no file
/// of the final names exists.
void create_files(const std::filesystem::path& path, const Plan& plan, const Layout& layout,
                  const RunDescription& run);

/// Checks that existing files belong to this plan and deck (InputError), sets rows that are not
/// done back to waiting, and returns the journal.
Journal resume_files(const std::filesystem::path& path, const Plan& plan, const Layout& layout,
                     const RunDescription& run);

/// Nothing is lost with these files: they are a sweep's of this layout, none of its stages has
/// finished, and no training has left a checkpoint beside them.
bool holds_nothing(const std::filesystem::path& path);

/// InputError: another kind of file, or of another layout version.
void check_kind(const h5::File& file, const std::string& name, const std::string& filetype);

/// While it lives no other job can take the same sweep (EnvironmentError there). A file of its own,
/// so that readers, who lock the results file, are not disturbed; the system drops the lock when
/// the process dies.
class JobLock {
 public:
  JobLock() = default;
  explicit JobLock(const std::filesystem::path& path);
  JobLock(JobLock&& other) noexcept
      : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}
  JobLock& operator=(JobLock&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~JobLock();

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// Flushes a file or folder to the disk. EnvironmentError.
void sync_to_disk(const std::filesystem::path& path);

}  // namespace factsweep
