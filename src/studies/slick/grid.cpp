#include "grid.hpp"

#include <fmt/format.h>

#include <cmath>

namespace factsweep::slick {
namespace {

bool has_ratio_axis(const std::string& variant) {
  return variant == "unknown_ratio" || variant == "known_only";
}

/// Every point with every value of a swept setting; the points as they are where it is not swept.
template <typename T>
std::vector<GridPoint> swept(const std::vector<GridPoint>& points, const std::vector<T>& values,
                             std::optional<T> GridPoint::*setting) {
  if (values.empty()) return points;
  return cross(points, values, setting);
}

template <typename T>
AxisOf<GridPoint> swept_axis(const std::string& name, const std::string& units,
                             std::optional<T> GridPoint::*setting, const std::string& symbol = "") {
  return {
      {name, units, name, symbol},
      [setting](const GridPoint& at) { return AxisValue(*(at.*setting)); },
      [setting, name](const GridPoint& at) { return fmt::format("-{}{}", name, *(at.*setting)); }};
}

}  // namespace

std::vector<GridPoint> grid_points(const Deck& deck) {
  std::vector<GridPoint> points =
      cross(std::vector<GridPoint>(1), deck.text_list("grid.variant"), &GridPoint::variant);
  const std::vector<double> all = deck.real_list("grid.unknown_ratio");
  points = cross(
      points,
      [&](const GridPoint& at) {
        if (at.variant == "idk") return std::vector{deck.real("slick.idk_unknown_ratio")};
        return has_ratio_axis(at.variant) ? all : std::vector{at.unknown_ratio};
      },
      &GridPoint::unknown_ratio);
  std::erase_if(points, [](const GridPoint& at) {
    return at.variant == "known_only" && at.unknown_ratio >= 1;  // nothing is left of D
  });
  points = swept(points, deck.real_list("grid.learning_rate"), &GridPoint::learning_rate);
  points = swept(points, deck.integer_list("grid.batch_size"), &GridPoint::batch_size);
  points = swept(points, deck.real_list("grid.dropout"), &GridPoint::dropout);
  points = swept(points, deck.integer_list("grid.lora_rank"), &GridPoint::lora_rank);
  return cross(points, deck.integer_list("grid.seed"), &GridPoint::seed);
}

std::vector<AxisOf<GridPoint>> axes(const Deck& deck) {
  using At = GridPoint;
  std::vector<AxisOf<At>> list = {
      {{"variant", "", "how D is made", "D"}, &At::variant, &At::variant},
      {{"unknown_ratio", "fraction", "share of Unknown examples in D", "N_Unk/|D|"},
       &At::unknown_ratio,
       [](const At& at) {
         return has_ratio_axis(at.variant) ? fmt::format("-{}", at.unknown_ratio) : "";
       }}};
  const auto sweeps = [&](const char* key) { return !deck.raw(key).empty(); };
  if (sweeps("grid.learning_rate"))
    list.push_back(swept_axis("learning_rate", "1", &At::learning_rate));
  if (sweeps("grid.batch_size"))
    list.push_back(swept_axis("batch_size", "examples", &At::batch_size));
  if (sweeps("grid.dropout")) list.push_back(swept_axis("dropout", "1", &At::dropout));
  if (sweeps("grid.lora_rank")) list.push_back(swept_axis("lora_rank", "1", &At::lora_rank, "r"));
  list.push_back({{"seed", "1", "seed", ""}, &At::seed, piece("s", &At::seed)});
  return list;
}

}  // namespace factsweep::slick
