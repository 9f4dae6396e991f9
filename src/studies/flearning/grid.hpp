// The points of the sweep: every combination of axes that a method has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "corpus.hpp"
#include "factsweep/stage/grid.hpp"
#include "methods.hpp"

namespace factsweep::flearning {

struct GridPoint {
  std::string model;         // directory
  std::string model_name;    // its model_names()
  std::size_t data_set = 0;  // of the corpora
  std::size_t records = 0;
  const Method* method = nullptr;
  // of methods with a lambda: how far the old knowledge is subtracted, NaN where the search finds
  // it, and on which layers, "all" or "0-9"
  double lambda = std::numeric_limits<double>::quiet_NaN();
  std::string layers;
  std::string preset;  // of editors
  std::int64_t seed = 0;
};

std::vector<GridPoint> grid_points(const Deck& deck, const std::vector<EditCorpus>& corpora);
std::vector<AxisOf<GridPoint>> axes(const std::vector<EditCorpus>& corpora);

}  // namespace factsweep::flearning
