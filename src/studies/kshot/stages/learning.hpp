// A model taught: what the trainings of the bank and of the points have in common.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../draft.hpp"
#include "factsweep/studies/support/memory.hpp"
#include "factsweep/tasks/prompt.hpp"
#include "factsweep/train/trainer.hpp"

namespace factsweep::kshot {

/// What trainings read of the deck beside lora.*; `section`: "bank" or "moe", whose epochs and
/// rate; `length`: what says how long one is.
std::vector<std::string> learning_keys(const std::string& section,
                                       const std::string& length = "epochs");
TrainSettings learning_settings(const std::string& section, std::uint64_t seed, const Deck& deck);
/// What training sees of a set. InputError: nothing.
TrainingExamples lessons_of(const TaskSet& set, const Model& model, const Deck& deck);
/// Of training on such examples.
Cost learning_cost(const Draft& draft, const std::string& section, const Lengths& lengths,
                   const StepSize& step);

}  // namespace factsweep::kshot
