// Values that are no numbers, in the files of adapters.
#pragma once

#include <torch/types.h>

#include <string>

namespace factsweep {

/// InputError naming file and tensor: it holds nan or infinity, and so would every answer of a
/// model that has it.
void check_finite(const std::string& file, const std::string& name, const torch::Tensor& tensor);

}  // namespace factsweep
