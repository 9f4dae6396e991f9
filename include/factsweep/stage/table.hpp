// Tables: lists of items whose columns are declared once, each with what an item has in it.
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <vector>

#include "factsweep/stage/plan_builder.hpp"
#include "factsweep/stage/stage_run.hpp"

namespace factsweep {

template <typename Item>
struct TableColumn {
  AnyColumn column;
  std::function<void(PlanBuilder&, const std::vector<Item>&)> fill;
  std::function<void(StageRun&, const std::vector<Item>&)> emit;

  /// `value`: a member of an item, or a function of it; a list where the column has further axes.
  template <typename T, typename Value>
  TableColumn(const Column<T>& typed, Value value)
      : column(typed),
        fill([=](PlanBuilder& builder, const std::vector<Item>& items) {
          builder.fill(typed, cells<T>(items, value));
        }),
        emit([=](StageRun& run, const std::vector<Item>& items) {
          run.emit(typed, cells<T>(items, value));
        }) {}

 private:
  template <typename T, typename Value>
  static std::vector<T> cells(const std::vector<Item>& items, const Value& value) {
    std::vector<T> all;
    for (const Item& item : items) {
      const auto& cell = std::invoke(value, item);
      if constexpr (std::constructible_from<T, decltype(cell)>) {
        all.push_back(static_cast<T>(cell));
      } else {
        all.insert(all.end(), cell.begin(), cell.end());
      }
    }
    return all;
  }
};

template <typename Item>
using Table = std::vector<TableColumn<Item>>;

/// The table's datasets, with what is known now.
template <typename Item>
void fill(PlanBuilder& builder, const Table<Item>& table, const std::vector<Item>& items) {
  for (const TableColumn<Item>& column : table) column.fill(builder, items);
}

/// The table's columns as outputs of the stage, a row an item.
template <typename Item>
void emit(StageRun& run, const Table<Item>& table, const std::vector<Item>& items) {
  for (const TableColumn<Item>& column : table) column.emit(run, items);
}

}  // namespace factsweep
