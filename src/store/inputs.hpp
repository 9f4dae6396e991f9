// What a sweep was read from, as its file has it (/inputs), against what a plan reads today.
#pragma once

#include <string>
#include <vector>

#include "factsweep/plan/plan.hpp"
#include "h5.hpp"

namespace factsweep {

/// A sentence without its end for each input that differs.
struct InputChanges {
  std::vector<std::string> content;  // "data.facts P17: facts/new holds something else ..."
  std::vector<std::string> place;    // "model.path was read at a, and is at b now"
};

/// Nothing of a file that does not say what it was read from.
InputChanges input_changes(const h5::File& file, const std::string& name, const Plan& plan);

/// "a; b; c and 4 more".
std::string shortened(const std::vector<std::string>& list);

}  // namespace factsweep
