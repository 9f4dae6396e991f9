#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "edit_forms.hpp"
#include "factsweep/core/utf8.hpp"

namespace factsweep {
namespace {

using nlohmann::json;

/// Where in a value records are: "data.train". Empty: nowhere, or it is a record itself.
void find_inside(const json& value, const std::string& path, int depth,
                 std::vector<std::string>& places) {
  constexpr int kDeepest = 3;
  if (depth == kDeepest || places.size() == kDeepest) return;
  for (const auto& [key, part] : value.items()) {
    const std::string place =
        path.empty() ? excerpt(key) : fmt::format("{}.{}", path, excerpt(key));
    const bool is_list = part.is_array() && !part.empty();
    if (edit_form_of(is_list ? part.front() : part) != nullptr)
      places.push_back(place);
    else if (part.is_object())
      find_inside(part, place, depth + 1, places);
  }
}

}  // namespace

std::string edit_hint(const json& value) {
  std::vector<std::string> places;
  find_inside(value, "", 0, places);
  if (places.size() == 1)
    return fmt::format(" There are records in its '{}': write that alone.", places.front());
  if (places.size() > 1)
    return fmt::format(" There are records in its '{}': write each into a file of its own.",
                       fmt::join(places, "', '"));
  for (const auto& item : value.items()) {
    const std::string_view like = like_edit_key(item.key());
    if (!is_edit_key(item.key()) && !like.empty())
      return fmt::format(
          " Is '{}' the '{}' of these forms? Keys are told apart by every letter, in "
          "small and in capital ones.",
          excerpt(item.key()), like);
  }
  return {};
}

}  // namespace factsweep
