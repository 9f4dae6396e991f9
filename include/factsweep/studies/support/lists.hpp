// Lists of what a study has several of: methods, records, the deck keys of a stage.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "factsweep/core/error.hpp"

namespace factsweep {

/// A value of each item: a member, or what a function of an item returns.
template <typename Item, typename Value>
auto each(const std::vector<Item>& items, Value value) {
  std::vector<std::decay_t<std::invoke_result_t<Value, const Item&>>> values;
  for (const Item& item : items) values.push_back(std::invoke(value, item));
  return values;
}

template <typename Item>
std::vector<std::string> names_of(const std::vector<Item>& items) {
  return each(items, &Item::name);
}

/// BugError: none has the name, which the deck's parser has checked.
template <typename Item>
const Item& by_name(const std::vector<Item>& items, std::string_view name) {
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.name == name; });
  require(found != items.end(), "no item of the list is called " + std::string(name));
  return *found;
}

template <typename Item>
bool holds(const std::vector<Item>& list, const Item& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

/// Place of the name in a list: where the list is in the order of an enumeration, the enumerator.
/// BugError: it is not there, which the deck's parser has checked.
template <typename Names>
std::size_t place_of(const Names& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  require(found != names.end(), "no item of the list is called " + std::string(name));
  return static_cast<std::size_t>(found - names.begin());
}

/// The items of all these lists.
template <typename Item = std::string>
std::vector<Item> joined(std::initializer_list<std::vector<Item>> lists) {
  std::vector<Item> all;
  for (const std::vector<Item>& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

/// `count` numbers from `first` on: what the places of an axis are called.
inline std::vector<std::int64_t> numbers(std::int64_t first, std::size_t count) {
  std::vector<std::int64_t> list;
  for (std::size_t i = 0; i < count; ++i) list.push_back(first + static_cast<std::int64_t>(i));
  return list;
}

}  // namespace factsweep
