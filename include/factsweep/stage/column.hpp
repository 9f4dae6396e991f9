// A column is a dataset of the result file, declared once: where it lies, what its axes are, its
// unit and its name. The plan makes the dataset of it, a stage emits to it and a later stage reads
// from it, all by the same handle, so a misspelt name does not compile.
#pragma once

#include <concepts>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "factsweep/plan/plan.hpp"

namespace factsweep {

/// A column without the type of its elements.
struct ColumnBase {
  std::string path;                     // "/curves/loss"; "{key}" in it is the stage's own key
  std::vector<std::string> dimensions;  // one name an axis: "point", "epoch"
  std::string units;                    // "1", "s", "fraction"
  std::string long_name;                // what a figure's axis says
  std::string symbol = {};              // the paper's
  Role role = Role::metric;             // only of /points
  bool shared = false;          // small, and travels to later stages by message, not by the file
  std::size_t text_length = 0;  // bytes of an element, of text
  std::string name = {};        // what stages call it; empty: its path

  const std::string& output() const { return name.empty() ? path : name; }
  std::string path_of(const std::string& key) const;
};

/// T: std::uint8_t, std::int32_t, std::int64_t, float, double, or std::string for text.
template <typename T>
struct Column : ColumnBase {
  static constexpr DType dtype() {
    if constexpr (std::same_as<T, std::string>) {
      return DType::text;
    } else {
      return dtype_of<T>();
    }
  }
};

template <typename T>
Column<T> column(std::string path, std::vector<std::string> dimensions, std::string units,
                 std::string long_name, std::string symbol = "") {
  return {{std::move(path), std::move(dimensions), std::move(units), std::move(long_name),
           std::move(symbol)}};
}

/// The same column, whose values travel to later stages by message.
template <typename T>
Column<T> shared(Column<T> column) {
  column.shared = true;
  return column;
}

/// The same column, which says how long something took.
template <typename T>
Column<T> timed(Column<T> column) {
  column.role = Role::time;
  return column;
}

/// The same column under a name of its own as an output. Rows that lie apart are outputs of several
/// names in one dataset; what lands in several datasets is one output of one name.
template <typename T>
Column<T> named(Column<T> column, std::string name) {
  column.name = std::move(name);
  return column;
}

/// What a column of numbers has in place of what is not there: NaN, -1, of std::uint8_t 255.
template <typename T>
constexpr T absent() {
  if constexpr (std::floating_point<T>) {
    return std::numeric_limits<T>::quiet_NaN();
  } else {
    return static_cast<T>(-1);
  }
}

/// A column and the type of its elements, for lists of columns of several types.
struct AnyColumn {
  ColumnBase about;
  DType dtype = DType::float64;

  template <typename T>
  AnyColumn(const Column<T>& column) : about(column), dtype(Column<T>::dtype()) {}
};

}  // namespace factsweep
