// How the experts of a mixture share the work, by the inputs x of a linear. R: the router of a
// module, a row an expert.
#pragma once

#include <cstdint>

namespace factsweep {

enum class Routing : std::uint8_t {
  /// Softmax over the k largest of R x; R is drawn at random, and trained with the experts.
  learned,
  /// Softmax over the k largest of |R x|; a row is the direction of input that the expert's B A
  /// stretches most, and is never trained (Arrow: Ostapenko et al., arXiv 2405.11157).
  arrow,
  /// A single expert, taken 1 / (1 + exp(-R x)) times. R begins at zero, and it alone is trained:
  /// so an expert's gate is learnt.
  gate,
  /// Softmax over the k largest of R x', x' = (x - mean(x)) / std(x); a row is the gate of the
  /// expert, standardised as x' is and divided by the root of its length, and is not trained
  /// (PHATGOOSE: Muqeeth et al., arXiv 2402.05859).
  gates,
  /// Softmax of R x'' over all experts, x'' the mean of x over the prompt: one expert, whose A and
  /// B are the means of the experts' with these weights, serves the whole text. R and experts are
  /// trained (SMEAR: Muqeeth et al., arXiv 2306.03745).
  merged,
};

}  // namespace factsweep
