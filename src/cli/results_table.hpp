// The table of points that a run ends with.
#pragma once

#include <string>
#include <vector>

#include "factsweep/plan/plan.hpp"
#include "factsweep/store/store.hpp"

namespace factsweep::cli {

/// Prints one aligned line a point: id, status and `columns` of /points (floating point as is, NaN
/// as "-").
void print_results(const Plan& plan, const Store& store, const std::vector<std::string>& columns);

}  // namespace factsweep::cli
