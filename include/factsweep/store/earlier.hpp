// Finished stages of another sweep, for one that does the same work among other work: equal keys
// are equal work (docs/architecture.md).
#pragma once

#include <filesystem>
#include <memory>
#include <map>
#include <string>
#include <vector>

#include "factsweep/store/store.hpp"

namespace factsweep {

/// A result file of an earlier sweep and its weights file, read serially; both stay as they are.
class EarlierSweep {
 public:
  /// InputError: no file, none of ours, another layout version. EnvironmentError: not readable.
  explicit EarlierSweep(const std::filesystem::path& results);
  ~EarlierSweep();

  const std::string& study() const;
  /// The effective deck, from which its plan is made again.
  const std::string& deck() const;

  /// Whether `plan` means the work that this sweep's stages are; with the files that its deck names
  /// changed, or others in their places, it does not.
  bool is_of(const Plan& plan) const;
  /// What of `plan`'s input holds something else than when this sweep was begun; empty: nothing that
  /// it says.
  std::string changed_input(const Plan& plan) const;

  /// Which stages of `plan` take_over() would copy from here. InputError: see there.
  std::vector<bool> offers(const Plan& earlier, const Plan& plan) const;

  /// Stages of a rank's share.
  struct Taken {
    std::size_t stages = 0;   // taken over
    std::size_t changed = 0;  // left, as the file does not hold any more what they wrote
  };

  /// Copies into `store` what finished stages have left that `plan` has too, and marks them done
  /// there. Rows may have become wider; a stage whose arrays do not fit their new places, or of
  /// which `plan` keeps what was not kept here, or that this file's version did not store, or whose
  /// results the disk has changed, stays to be done. `earlier` is this sweep's own plan; InputError: it is
  /// not, see is_of(). Independent: each rank takes its share; the store shows them to other ranks
  /// once it is closed and opened again.
  Taken take_over(const Communicator& comm, const Plan& earlier, const Plan& plan,
                        Store& store) const;

 private:
  std::map<std::string, std::size_t> finished(const Plan& earlier) const;

  struct Files;
  std::unique_ptr<Files> files_;
};

}  // namespace factsweep
