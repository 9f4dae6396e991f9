#include "inputs.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <span>

namespace factsweep {
namespace {

constexpr std::size_t kShown = 5;

std::map<std::string, Input> inputs_of(const h5::File& file, const std::string& name) {
  if (H5Lexists(file.id(), "/inputs", H5P_DEFAULT) <= 0) return {};
  const auto column = [&](const char* path) {
    return h5::read_all(file, {name, path}, DType::text).as_text();
  };
  const std::vector<std::string> names = column("/inputs/name"), places = column("/inputs/place"),
                                 fingerprints = column("/inputs/fingerprint");
  std::map<std::string, Input> inputs;
  for (std::size_t i = 0; i < names.size(); ++i)
    inputs[names[i]] = {names[i], places.at(i), fingerprints.at(i)};
  return inputs;
}

std::string named(const Input& input) {
  return input.place.empty() ? input.name : fmt::format("{} ({})", input.name, input.place);
}

}  // namespace

InputChanges input_changes(const h5::File& file, const std::string& name, const Plan& plan) {
  InputChanges changes;
  std::map<std::string, Input> left = inputs_of(file, name);
  if (left.empty()) return changes;
  for (const Input& now : plan.inputs) {
    const auto found = left.extract(now.name);
    if (found.empty()) {
      changes.content.push_back(fmt::format("{} was not read then", named(now)));
      continue;
    }
    const Input& was = found.mapped();
    if (was.fingerprint != now.fingerprint)
      changes.content.push_back(fmt::format(
          "{} holds something else than {} then", named(now),
          was.place == now.place ? "it did" : fmt::format("what was read at {}", was.place)));
    else if (was.place != now.place)
      changes.place.push_back(
          fmt::format("{} was read at {}, and is at {} now", now.name, was.place, now.place));
  }
  for (const auto& [name_of_it, was] : left)
    changes.content.push_back(fmt::format("{} is not read any more", named(was)));
  return changes;
}

std::string shortened(const std::vector<std::string>& list) {
  const std::size_t shown = std::min(list.size(), kShown);
  const std::string text = fmt::format("{}", fmt::join(std::span(list).first(shown), "; "));
  return shown == list.size() ? text : fmt::format("{} and {} more", text, list.size() - shown);
}

}  // namespace factsweep
