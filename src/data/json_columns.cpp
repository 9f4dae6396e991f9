#include "json_columns.hpp"

#include <algorithm>
#include <functional>
#include <string>

namespace factsweep {
namespace {

using nlohmann::json;

bool all_of(const json& value, const std::function<bool(const json&)>& holds) {
  return std::all_of(value.begin(), value.end(), holds);
}

/// Whether an object is a column whose rows are numbered.
bool is_numbered(const json& column) {
  const auto items = column.items();
  return column.is_object() && !column.empty() &&
         std::all_of(items.begin(), items.end(), [](const auto& item) {
           return item.key().find_first_not_of("0123456789") == std::string::npos;
         });
}

bool has_keys_of(const json& object, const json& other) {
  return object.is_object() && !object.empty() && object.size() == other.size() &&
         std::equal(object.items().begin(), object.items().end(), other.items().begin(),
                    [](const auto& a, const auto& b) { return a.key() == b.key(); });
}

}  // namespace

bool is_of_columns(const nlohmann::json& value, bool is_record) {
  if (!value.is_object() || value.size() < 2) return false;
  const json& first = value.front();
  const auto is_plain = [](const json& column) {
    return all_of(column, [](const json& cell) { return !cell.is_structured(); });
  };
  if (first.is_array()) {
    const auto plain = std::count_if(value.begin(), value.end(), is_plain);
    const bool are_long =
        all_of(value, [&](const json& c) { return c.is_array() && c.size() == first.size(); });
    if (are_long && !first.empty() && plain > 1) return true;
  }
  const auto columns = value.find("columns"), data = value.find("data");
  if (columns != value.end() && data != value.end() && columns->is_array() && data->is_array() &&
      all_of(*data, [](const json& row) { return row.is_array(); }))
    return true;
  const auto is_like_first = [&](const json& column) { return has_keys_of(column, first); };
  return all_of(value, is_like_first) && (is_record || all_of(value, is_numbered));
}

}  // namespace factsweep
