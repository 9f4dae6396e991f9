// Which finished stages' results are still what they wrote?
#pragma once

#include <string>
#include <vector>

#include "factsweep/plan/plan.hpp"
#include "h5.hpp"
#include "layout.hpp"

namespace factsweep {

/// Of the stages that are asked for, whether what they have left in the results file is what they
/// wrote; of the others false. Reads every dataset that they have a part of once.
std::vector<bool> unchanged_results(const h5::File& file, const std::string& name, const Plan& plan,
                                    const Layout& layout, const std::vector<bool>& asked);

}  // namespace factsweep
