// Points of the sweep: tasks, methods, and of each method the axes that it has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "factsweep/stage/grid.hpp"
#include "methods.hpp"
#include "sets.hpp"

namespace factsweep::kshot {

/// -1, NaN and "": the method has no such axis.
struct GridPoint {
  const Method* method = nullptr;
  std::size_t task = 0;
  std::int64_t shots = -1, experts = -1, top_k = -1, budget = -1;  // K, N, k, C
  double tau = std::numeric_limits<double>::quiet_NaN();
  std::string signals, selection;
  std::int64_t draw = -1, seed = -1;

  bool has_data() const { return budget > 0; }
  std::string id(const Sets& sets) const;
  Shots drawn_shots(const Sets& sets) const { return {sets.tasks[task].name, draw, shots}; }
};

/// Whether a deck that does not ask for open data goes without it: the task has no pool, or there is
/// no encoder.
bool goes_without_data(const Deck& deck, const TaskEntry& task);

/// Sets::keep_shots_out_of_pool() of every pool that points learn from beside shots.
void keep_shots_out_of_pools(const std::vector<GridPoint>& points, Sets& sets);
/// Says of the shots that points learn which are longer than kshot.longest. InputError: a point has
/// no other, and no open data.
void look_at_shots(const Deck& deck, const std::vector<GridPoint>& points, Sets& sets);

/// In the order of tasks and methods, none twice. InputError: a method that a task cannot have,
/// more shots than a task has examples, N above the bank or kshot.pool, k above N.
std::vector<GridPoint> grid_points(const Deck& deck, const Sets& sets);

/// `sets` must outlive them.
std::vector<AxisOf<GridPoint>> axes(const Sets& sets);

}  // namespace factsweep::kshot
