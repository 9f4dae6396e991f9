// Points of the sweep: every combination of axes that a method has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "corpus.hpp"
#include "factsweep/plan/plan.hpp"
#include "methods.hpp"

namespace factsweep::flearning {

/// How far the old knowledge is subtracted.
struct Forgetting {
  double lambda = 0;   // NaN: found by the search
  std::string layers;  // "all", "0-9"
};

/// First and last layer of "0-9", or of "4"; InputError: `where` names the key.
struct LayerRange {
  std::int64_t first = 0, last = 0;
  bool all = true;

  static LayerRange parse(const std::string& text, std::int64_t layers, const std::string& where);
  bool holds(std::int64_t layer) const { return all || (layer >= first && layer <= last); }
};

struct GridPoint {
  std::string model;  // directory
  std::size_t data_set = 0;
  std::size_t records = 0;
  const Method* method = nullptr;
  Forgetting forgetting;  // of methods with a lambda
  std::string preset;     // of editors
  std::int64_t seed = 0;
};

std::vector<GridPoint> grid_points(const Deck& deck, const std::vector<EditCorpus>& corpora);

std::vector<Axis> axes();
Point make_point(const GridPoint& at, const std::vector<EditCorpus>& corpora);

/// The last folder of a path: a model's name in titles, ids and axes.
std::string last_name(const std::string& directory);

/// grid.model, or model.path alone.
std::vector<std::string> model_directories(const Deck& deck);

}  // namespace factsweep::flearning
