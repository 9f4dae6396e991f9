// How fast this machine trains a model, measured on a small one of its shapes.
#pragma once

#include <string>

#include "factsweep/model/config.hpp"

namespace factsweep {

/// FLOP/s of forward and backward passes through two layers as wide as the model's (of wide models
/// less), with gradients of all weights, on one thread while `at_once` of them, or as many as there
/// are cores, do the same: the mean of about a second. Operators use one thread from then on.
double measure_training_rate(const ModelConfig& model, const std::string& dtype, int at_once);

}  // namespace factsweep
