// Gates of experts (PHATGOOSE: Muqeeth et al., arXiv 2402.05859): an expert as it is, beside the
// frozen base, counts for a token as much as a gate on each adapted linear's input says, and the
// gates alone are trained.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "factsweep/moe/moe.hpp"
#include "factsweep/train/example.hpp"
#include "stages.hpp"

namespace factsweep::kshot {

/// What they read of the deck.
std::vector<std::string> gate_keys();
/// Of the gates of so many experts, whose lessons are about as long as these.
Cost gate_cost(const Draft& draft, const TaskSet& like, std::int64_t experts);
/// At most as many of the examples as phatgoose.steps of train.batch_size see.
TaskSet gate_lessons(const TaskSet& set, std::uint64_t seed, const Deck& deck);

/// One expert after the other, each on its own; a stopped stage goes on with the expert that it was
/// at.
class GateTraining {
 public:
  GateTraining(std::vector<MoeExpert>& experts, const Model& base, StageRun& run)
      : experts_(experts), base_(base), run_(run) {}

  /// Fills MoeExpert::gates of expert `i`, in about phatgoose.steps steps.
  void learn(std::size_t i, std::vector<Example> lessons, std::uint64_t seed);
  /// That all have taken, of all runs.
  double seconds() const { return seconds_; }
  /// Of any of them.
  bool loss_rose() const { return loss_rose_; }
  /// When the stage needs its checkpoints no more.
  void forget() const;

 private:
  std::filesystem::path checkpoint(std::size_t i) const;

  std::vector<MoeExpert>& experts_;
  const Model& base_;
  StageRun& run_;
  double seconds_ = 0;
  bool loss_rose_ = false;
};

}  // namespace factsweep::kshot
