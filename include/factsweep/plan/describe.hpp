// What `factsweep plan` prints: the work, the memory, the files and the time of a sweep, before any
// of it is spent.
#pragma once

#include <string>
#include <vector>

#include "factsweep/plan/plan.hpp"
#include "factsweep/plan/seen.hpp"

namespace factsweep {

/// Aligned tables: stages by kind, points by axis value, memory per rank, file sizes, and the
/// predicted makespan on `ranks` equal ranks of that pace. Stages that are `done` (empty:
/// none is) count for the files alone. Precondition: ranks > 0, and a pace above 0.
std::string describe(const Plan& plan, int ranks, const Pace& pace,
                     const std::vector<bool>& done = {});

}  // namespace factsweep
