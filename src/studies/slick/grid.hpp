// Points of the sweep: variants of D, unknown ratios, swept settings of the training, seeds.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "factsweep/stage/grid.hpp"

namespace factsweep::slick {

struct GridPoint {
  std::string variant;
  double unknown_ratio = std::numeric_limits<double>::quiet_NaN();
  std::int64_t seed = 0;
  // nothing where the deck does not sweep it
  std::optional<double> learning_rate = {}, dropout = {};
  std::optional<std::int64_t> batch_size = {}, lora_rank = {};
};

std::vector<GridPoint> grid_points(const Deck& deck);
/// Those that the deck sweeps.
std::vector<AxisOf<GridPoint>> axes(const Deck& deck);

}  // namespace factsweep::slick
