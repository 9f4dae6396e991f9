// Many LoRA trainings beside one frozen base, each with its own data, rate, seed and length: the
// rows of all of them end to end in one forward and backward. The base's products are taken once
// over all rows, an adapter's on its own rows; no gradient of a frozen weight is ever taken.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/train/training.hpp"

namespace factsweep {

/// What Trainer would train alone: the result is the same.
struct PackedMember {
  LoraAdapter start;
  std::vector<Example> examples;
  TrainSettings settings;
  std::shared_ptr<const Objective> objective = answer_loss();
};

class PackedTrainer : public Training {
 public:
  /// A pass takes microbatches of as many members as fit into `pass_tokens` tokens, which changes
  /// no result. `base` is shared and never written. InputError: an adapter that trains biases.
  PackedTrainer(const Weights& base, std::vector<PackedMember> members,
                std::int64_t pass_tokens = 2048);

  /// Why a member was dropped; empty: it was not.
  const std::string& failure(std::size_t member) const { return course(member).failure(); }

  /// One optimizer step of every active member. A member whose loss is not finite keeps the weights
  /// that it had and is dropped; the others do not notice. Returns each member's loss, without
  /// tokens where it made no step.
  std::vector<StepLoss> step();
  std::vector<StepLoss> advance() override { return step(); }

  /// A member as it is now: a float32 copy, and the base with it in the working dtype (shares
  /// storage with the trainer).
  LoraAdapter adapter(std::size_t member) const;
  Weights weights(std::size_t member) const;

 private:
  struct Microbatch;
  void accumulate(std::vector<Microbatch>& pass);
  std::vector<Microbatch> pass_all();
  std::vector<double> measure(const std::vector<Microbatch>& passed) const;
  std::int64_t halve_passes();

  const Weights base_;
  std::int64_t pass_tokens_;
  std::int64_t largest_pass_ = 0;  // of this step, in tokens
  bool shares_passes_ = false;     // whether a pass of this step had several members
  std::vector<LoraAdapter> adapters_;  // their parameters are the courses' leaves
};

}  // namespace factsweep
