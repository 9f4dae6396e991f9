// AdamW (Loshchilov and Hutter, arXiv 1711.05101) on leaves of any dtype, with float32 masters.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "factsweep/model/safetensors.hpp"
#include "factsweep/train/settings.hpp"

namespace factsweep {

class AdamW {
 public:
  /// Steps `leaves`, of which `masters` are the float32 values (empty: made from the leaves; those
  /// of float32 leaves share their storage). Reads beta1, beta2, epsilon, weight_decay and
  /// gradient_clip of `settings`.
  AdamW(const NamedTensors& leaves, const std::vector<torch::Tensor>& masters,
        const TrainSettings& settings);

  const std::vector<torch::Tensor>& master() const { return master_; }

  /// Adds the leaves' gradients up in float32 and drops them, for a step that takes several passes:
  /// a sum of many in bfloat16 loses what is small beside it. Float32 leaves keep theirs, which the
  /// next backward pass adds to.
  void collect();
  /// The global norm of the gradients that were collected, or else of the leaves' own: a scalar on
  /// their device, so that nobody has to wait for it yet. Undefined without a gradient_clip.
  torch::Tensor gradient_norm() const;
  /// One step with these gradients, which are gone thereafter. `norm` is gradient_norm()'s value,
  /// and more than gradient_clip is cut down to that; without a gradient_clip it is not looked at.
  void update(double learning_rate, double norm);
  /// Drops all gradients.
  void forget_gradients();

  /// Masters and moments by name, float32; they share storage with this.
  NamedTensors state() const;
  /// Takes the values of a state(), which `steps` steps have made.
  void restore(const NamedTensors& state, std::int64_t steps);

 private:
  const torch::Tensor& gradient(std::size_t i) const;
  std::size_t list_end(std::size_t begin) const;

  NamedTensors leaves_;
  std::vector<torch::Tensor> master_, momentum_, variance_;
  torch::Tensor count_;                   // steps done, float32: one for all leaves
  std::vector<torch::Tensor> collected_;  // float32 sums of gradients; undefined: none
  double beta1_, beta2_, epsilon_, weight_decay_, gradient_clip_;
};

}  // namespace factsweep
