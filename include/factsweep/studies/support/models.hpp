// The models of a sweep: an axis of studies that have several.
#pragma once

#include <string>
#include <vector>

#include "factsweep/deck/deck.hpp"

namespace factsweep {

/// grid.model.
void declare_model_axis(OptionTable& table);

/// grid.model, or model.path alone.
std::vector<std::string> model_directories(const Deck& deck);

/// What each of them is called in titles, ids and axes: its last folder, and where others are
/// called so, too, as many folders before it as tell them apart: "run-a-checkpoint-500".
/// InputError: a folder is named twice.
std::vector<std::string> model_names(const Deck& deck);

}  // namespace factsweep
