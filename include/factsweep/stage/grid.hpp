// Grids: which points a deck asks for, and the axes that tell them apart.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "factsweep/core/error.hpp"
#include "factsweep/stage/plan_builder.hpp"

namespace factsweep {

/// An axis of a study's points, declared once: its column of /points, and its part of a point's id.
template <typename At>
struct AxisOf {
  Axis about;
  std::function<AxisValue(const At&)> value;
  std::function<std::string(const At&)> id = nullptr;  // "-s1"; empty: the id does not say
};

/// A piece of an id from a member of the point: "-s1", of the mark "s".
template <typename At, typename T>
std::function<std::string(const At&)> piece(const std::string& mark, T At::*member) {
  return [=](const At& at) { return fmt::format("-{}{}", mark, at.*member); };
}

/// Every point with every value: `values` is a list, or a function of the point that returns one
/// (an axis that some points lack gives them a list of one). `set` is the member that holds the
/// value, or a function that gives a point its value.
template <typename At, typename Values, typename Set>
std::vector<At> cross(const std::vector<At>& points, const Values& values, Set set) {
  std::vector<At> crossed;
  for (const At& point : points) {
    const auto add_all = [&](const auto& list) {
      for (const auto& value : list) {
        crossed.push_back(point);
        if constexpr (std::is_member_object_pointer_v<Set>) {
          crossed.back().*set = value;
        } else {
          set(crossed.back(), value);
        }
      }
    };
    if constexpr (std::is_invocable_v<Values, const At&>) {
      add_all(values(point));
    } else {
      add_all(values);
    }
  }
  return crossed;
}

/// The pieces of a point's id, in the order of the axes.
template <typename At>
std::string id_of(const std::vector<AxisOf<At>>& axes, const At& at) {
  std::string id;
  for (const AxisOf<At>& axis : axes) {
    if (axis.id) id += axis.id(at);
  }
  return id;
}

/// Axes and points of the plan, in the order of `points`. InputError: two points of one id, which
/// nobody could tell apart in the file.
template <typename At>
void add_points(PlanBuilder& builder, const std::vector<AxisOf<At>>& axes,
                const std::vector<At>& points) {
  std::vector<Axis> about;
  for (const AxisOf<At>& axis : axes) about.push_back(axis.about);
  builder.axes(std::move(about));
  builder.dimension("point", points.size());
  std::set<std::string> ids;
  for (const At& at : points) {
    std::vector<AxisValue> values;
    for (const AxisOf<At>& axis : axes) values.push_back(axis.value(at));
    const std::string id = id_of(axes, at);
    if (!ids.insert(id).second)
      throw InputError("grid: two points would both be called '" + id +
                       "'. Give each value once, and models and data different last names.");
    builder.point(id, std::move(values));
  }
}

}  // namespace factsweep
