// How alike adapters are: the cosines behind the group diversity of Yang et al., arXiv 2408.15915,
// equation 6.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "factsweep/adapter/lora.hpp"

namespace factsweep {

struct DiversitySettings {
  bool absolute = true;   // |cosine| of each matrix, as the released code; false: as equation 6
  bool products = false;  // compare the updates B A instead of the matrices A and B
};

struct AdapterSimilarity {
  std::vector<double> cosine;  // [n, n] row-major, symmetric
  bool products = false;       // what was compared
};

/// Mean over matrices of the cosine of each, flattened: lora_A and lora_B of every module apart, as
/// the released code does, or the module's update B A, whose cosine does not depend on how a rank-r
/// update is split into its factors (any invertible r x r matrix may pass from one to the other);
/// it is found from traces without being formed. Where ranks differ the factors have no cosine, and
/// one bank must have one measure: then the updates of all pairs are compared, and `products` of
/// the result says so. In float64. A matrix of zeros has cosine 0 to all, and so has a module that
/// one of two adapters lacks; what both lack is not in their mean. Scales cancel.
/// `names` name the adapters in messages. `step(fraction)` is called after each module.
/// InputError: two adapters that belong to base models of different widths.
AdapterSimilarity adapter_similarity(
    std::span<const LoraAdapter> adapters, std::span<const std::string> names,
    const DiversitySettings& settings, const std::function<void(double)>& step = [](double) {});

}  // namespace factsweep
