// The ways to bring new knowledge into a model that the study compares, and the points of the
// sweep: every combination of axes that a method has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "corpus.hpp"
#include "factsweep/stage/grid.hpp"

namespace factsweep::flearning {

/// What the old knowledge's parameters are found by, or the new ones trained by.
enum class Tuning { none, full, lora };

struct Method {
  enum class Kind { original, tune, edit };
  std::string name;  // in decks and files
  Kind kind;
  Tuning forget = Tuning::none, learn = Tuning::none;  // of tune

  bool has_lambda() const { return forget != Tuning::none; }
};

/// original; ft, lora (the paper's Full-FT and LoRA); forget_* (forgetting alone); f_learning_*
/// (section 4); ft_c, rome, rome_reset, memit.
const std::vector<Method>& methods();
std::vector<std::string> method_names();
const Method& method(std::string_view name);

struct GridPoint {
  std::string model;         // directory
  std::string model_name;    // see model_names()
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

/// grid.model, or model.path alone.
std::vector<std::string> model_directories(const Deck& deck);

/// What each of them is called in titles, ids and axes: its last folder, and where others are
/// called so, too, as many folders before it as tell them apart: "run-a-checkpoint-500".
/// InputError: a folder is named twice.
std::vector<std::string> model_names(const Deck& deck);

}  // namespace factsweep::flearning
