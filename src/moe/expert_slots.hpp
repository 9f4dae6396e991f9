// Which tensors a mixture of experts consists of, and what they are called in a file.
#pragma once

#include <string>
#include <vector>

#include "factsweep/moe/moe.hpp"

namespace factsweep {

/// One adapted module: rank and scale of each expert; rank 0: the expert does not adapt it.
struct ExpertModule {
  std::string name;
  std::vector<std::int64_t> ranks;
  std::vector<double> scales;
};

std::string router_tensor(const std::string& module);
/// `factor` is 'A' or 'B'.
std::string expert_tensor(const std::string& module, std::size_t expert, char factor);

/// The slots of these modules on `base`, all tensors zero. `where` begins messages. InputError: a
/// module that is no linear of a block of `base`.
std::vector<MoeSlot> expert_slots(const std::vector<ExpertModule>& modules, const Weights& base,
                                  const std::string& where);

}  // namespace factsweep
