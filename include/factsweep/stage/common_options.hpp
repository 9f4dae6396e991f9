// The deck keys that every study has, and what they mean.
#pragma once

#include <string>
#include <vector>

#include "factsweep/core/array.hpp"
#include "factsweep/deck/deck.hpp"

namespace factsweep {

/// run.study, which decides what other keys there are.
void declare_study_option(OptionTable& table, const std::vector<std::string>& studies);

/// run.* but for run.study, model.* and grid.seed.
void declare_common_options(OptionTable& table);

/// Bytes of a weight: of model.dtype.
double weight_bytes(const Deck& deck);

/// store.delta_dtype: of stored deltas and adapters.
DType delta_dtype(const Deck& deck);

}  // namespace factsweep
