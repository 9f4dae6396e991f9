// Making the two files and looking into finished ones: what one rank does alone, before all open
// them together.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
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

/// A finished stage has its time before its status byte: a byte that the disk has turned from
/// waiting into done is not believed.
inline bool is_finished(std::uint8_t status, double seconds) {
  return status == static_cast<std::uint8_t>(Status::done) && seconds > 0;
}

/// What a place of the results file holds until something is written there: 255, -1 or NaN.
std::array<std::byte, 8> fill_value(DType dtype);

/// Makes the results file, and the weights file when the layout has datasets in it, whole, under
/// temporary names, then renames them. EnvironmentError: folder, space, write failure; then no file
/// of the final names exists.
void create_files(const std::filesystem::path& path, const Plan& plan, const Layout& layout,
                  const RunDescription& run);

/// What users should know where the folder of the results has less room than the checkpoints of
/// `ranks` trainings may take; empty: it has enough.
std::string lacking_for_checkpoints(const std::filesystem::path& path, const Plan& plan, int ranks);

/// Checks that existing files belong to this plan and deck (InputError), sets rows that are not
/// done back to waiting, and returns the journal. Adds to `notes` what lies elsewhere than it did.
Journal resume_files(const std::filesystem::path& path, const Plan& plan, const Layout& layout,
                     const RunDescription& run, std::vector<std::string>& notes);

/// Nothing is lost with these files: they are a sweep's of this layout, none of its stages has
/// finished, and no training has left a checkpoint beside them.
bool holds_nothing(const std::filesystem::path& path);

/// Of each of its stages the most memory that was held while it ran; NaN: not measured.
std::vector<double> read_peak_bytes(const h5::File& file, const std::string& name,
                                    std::size_t stages);

/// InputError: another kind of file, or of another layout version.
void check_kind(const h5::File& file, const std::string& name, const std::string& filetype);

/// The results of a sweep, to be read. InputError: no such file, or another kind of file.
h5::File open_results(const std::filesystem::path& path);

/// A whole dataset of numbers of the file of this name.
template <typename T>
std::vector<T> read_column(const h5::File& file, const std::string& name, const char* path) {
  const Array array = h5::read_all(file, {name, path}, dtype_of<T>());
  const std::span<const T> values = array.as<T>();
  return {values.begin(), values.end()};
}

/// Flushes a file, and writes its first bytes once more, as HDF5 does when it closes a file:
/// where that fails on one rank HDF5 leaves the others waiting. EnvironmentError.
void try_last_write(const std::filesystem::path& path);

/// Flushes a file or folder to the disk. EnvironmentError.
void sync_to_disk(const std::filesystem::path& path);

}  // namespace factsweep
