// What a training has changed, tensor by tensor.
#pragma once

#include <functional>
#include <string>

#include "factsweep/model/safetensors.hpp"

namespace factsweep {

/// Receives a tensor under its name.
using TakeTensor = std::function<void(const std::string& name, const torch::Tensor& tensor)>;

/// Hands now - before to `take` in float32, one tensor after the other in the order of `now`: no
/// copy of the model is made, of whatever dtype the two are. Both have the same names in the same
/// order, as the named() of equal models do:
///
///     for_each_difference(trainer.named(), base.named(), emit);   // full fine-tuning
///
/// An adapter is itself the difference: of LoRA, Trainer::named() is all there is to emit.
void for_each_difference(const NamedTensors& now, const NamedTensors& before,
                         const TakeTensor& take);

}  // namespace factsweep
