// The table of points that a run ends with.
#pragma once

#include <string>
#include <vector>

#include "factsweep/plan/plan.hpp"
#include "factsweep/store/store.hpp"

namespace factsweep::cli {

/// A warning that names points whose loss rose.
std::string words_of_worse(const std::vector<std::string>& points);

/// Prints one aligned line a point: id, status and `columns` of /points (floating point as is, NaN
/// as "-"); then which points' losses rose.
void print_results(const Plan& plan, const Store& store, const std::vector<std::string>& columns);

}  // namespace factsweep::cli
