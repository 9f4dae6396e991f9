// Points of the sweep: variants of D, unknown ratios, swept settings of the training, seeds.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "factsweep/stage/grid.hpp"
#include "variants.hpp"

namespace factsweep::slick {

struct GridPoint {
  std::string variant;
  double unknown_ratio = std::numeric_limits<double>::quiet_NaN();
  std::size_t model = 0;         // of model_directories()
  std::string model_name = {};   // its model_names(), where the deck sweeps models
  std::optional<Patch> patch = {};  // of known_patch, unless its place is "none"
  std::int64_t seed = 0;
  // nothing where the deck does not sweep it
  std::optional<double> learning_rate = {}, dropout = {};
  std::optional<std::int64_t> batch_size = {}, lora_rank = {};
};

/// InputError: keys of patches have no effect, or lack what they need.
void check_patch_keys(const Deck& deck);
std::vector<GridPoint> grid_points(const Deck& deck);
/// Those that the deck sweeps.
std::vector<AxisOf<GridPoint>> axes(const Deck& deck);

}  // namespace factsweep::slick
