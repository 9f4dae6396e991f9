// Items of a list that have a `name`: a study's methods.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/core/error.hpp"

namespace factsweep {

template <typename Item>
std::vector<std::string> names_of(const std::vector<Item>& list) {
  std::vector<std::string> names;
  for (const Item& item : list) names.push_back(item.name);
  return names;
}

/// BugError: none has the name, which the deck's parser has checked.
template <typename Item>
const Item& by_name(const std::vector<Item>& list, std::string_view name) {
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const Item& item) { return item.name == name; });
  require(found != list.end(), "no item of the list is called " + std::string(name));
  return *found;
}

}  // namespace factsweep
