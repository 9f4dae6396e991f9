// What Trainer and PackedTrainer have in common: courses that go on step by step, and one way to
// keep them in a checkpoint.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "factsweep/train/course.hpp"

namespace factsweep {

class Training {
 public:
  virtual ~Training() = default;
  Training(Training&&) = default;
  Training& operator=(Training&&) = delete;

  std::size_t members() const { return courses_.size(); }
  const Course& course(std::size_t member) const { return courses_[member]; }
  /// Whether a member has a step left and has not been dropped.
  bool is_active(std::size_t member) const { return courses_[member].is_active(); }
  bool is_done() const;
  /// Steps done of all steps of all members, in [0, 1].
  double fraction() const;

  /// One optimizer step of every active member. Returns each member's loss, without tokens where it
  /// made no step.
  virtual std::vector<StepLoss> advance() = 0;

  /// What save() writes, but for the positions: float32 leaves and two moments of all members.
  double checkpoint_bytes() const;
  /// Leaves, moments and positions of all members; `extra` is the caller's own state, under names
  /// that are none of theirs. Atomic. EnvironmentError.
  void save(const std::filesystem::path& file, const NamedTensors& extra) const;

  /// Reads the caller's state from a checkpoint. An InputError means that it is damaged.
  using ReadExtra = std::function<void(const SafetensorsReader&)>;
  /// Restores what save() wrote; returns the extras. Nothing (and no change) when the file is
  /// absent, damaged, or any member's of another run: other settings (the seed among them),
  /// objective, examples or leaves. `read_extra` is called once everything else is known to be
  /// good, before anything changes.
  std::optional<SafetensorsReader> restore(const std::filesystem::path& file,
                                           const ReadExtra& read_extra = {});
  /// Why the last restore() took nothing up; empty: there was no file, or it did.
  const std::string& refusal() const { return refusal_; }
  /// What has happened since the last call that users should know, a sentence each.
  std::vector<std::string> take_notes() { return std::exchange(notes_, {}); }

 protected:
  Training() = default;

  /// Does `work`, and where the device has no memory for it forgets the gradients that it has left
  /// and does it once more in smaller passes, once in a training: `halve` makes passes at most half
  /// as large as they were, and says how many tokens they have now. Whatever else goes wrong, or
  /// goes wrong again, is thrown.
  void within_memory(const std::function<void()>& work, const std::function<std::int64_t()>& halve);

  std::vector<Course> courses_;  // one a member, made by the class itself

 private:
  bool is_halved_ = false;
  std::string refusal_;
  std::vector<std::string> notes_;
  std::string prefix(std::size_t member) const;
};

}  // namespace factsweep
