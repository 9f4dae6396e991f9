// Estimates of what FT-c, ROME and MEMIT take, beside the evaluation of what they leave.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "factsweep/edit/contexts.hpp"
#include "factsweep/edit/ft_c.hpp"
#include "factsweep/edit/value_search.hpp"
#include "ground.hpp"

namespace factsweep::flearning {

/// What ROME and MEMIT do for the edits of a stage.
struct SearchWork {
  ValueSettings value;
  std::vector<ContextLength> contexts;
  std::int64_t first_layer = 0;          // from which on a search runs through the layers
  std::vector<std::int64_t> key_layers;  // whose keys are looked up
  std::size_t moments = 0;               // second moments, their sums and factors held at once
};
Cost search_cost(const Draft& draft, const SearchWork& work);
Cost fine_tuning_cost(const Draft& draft, const FtSettings& settings);

/// What comparing two models tensor by tensor holds beside them: the largest in float32, of both, their
/// difference, and what is written.
double comparison_bytes(const ModelConfig& model);

}  // namespace factsweep::flearning
