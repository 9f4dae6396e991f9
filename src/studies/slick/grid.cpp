#include "grid.hpp"

#include <fmt/format.h>

#include <utility>

#include "factsweep/studies/support/lists.hpp"
#include "factsweep/studies/support/models.hpp"

namespace factsweep::slick {
namespace {

bool has_ratio_axis(const std::string& variant) {
  return variant == "unknown_ratio" || variant == "known_only" || variant == "known_patch";
}

bool has_patches(const Deck& deck) {
  return holds<std::string>(deck.text_list("grid.variant"), "known_patch");
}

/// Those of the deck; nothing is none, whatever its share and relations would be.
std::vector<std::optional<Patch>> patches(const Deck& deck, const GridPoint& at) {
  if (at.variant != "known_patch") return {std::nullopt};
  std::vector<std::optional<Patch>> list;
  for (const std::string& place : deck.text_list("grid.patch_place")) {
    if (place == "none") {
      list.emplace_back();
      continue;
    }
    for (const std::string& relations : deck.text_list("grid.patch_relations")) {
      for (const double share : deck.real_list("grid.patch_share"))
        list.push_back(Patch::of(share, relations, place));
    }
  }
  return list;
}

bool sweeps(const Deck& deck, const char* key) {
  return !deck.raw(key).empty();
}

std::vector<GridPoint> with_models(const std::vector<GridPoint>& points, const Deck& deck) {
  if (!sweeps(deck, "grid.model")) return points;
  const std::vector<std::string> names = model_names(deck);
  return cross(points, numbers(0, names.size()), [&](GridPoint& at, std::int64_t model) {
    at.model = static_cast<std::size_t>(model);
    at.model_name = names[at.model];
  });
}

AxisOf<GridPoint> model_axis(const Deck& deck) {
  AxisOf<GridPoint> axis = {{"model", "", "model", ""}, &GridPoint::model_name};
  if (model_names(deck).size() > 1) axis.id = piece("", &GridPoint::model_name);
  return axis;
}

std::vector<AxisOf<GridPoint>> patch_axes() {
  using At = GridPoint;
  const auto place = [](const At& at) -> std::string {
    if (at.variant != "known_patch") return "";
    return at.patch ? at.patch->place_name() : "none";
  };
  const auto relations = [](const At& at) {
    return at.patch ? at.patch->relations_name() : std::string();
  };
  const auto of_patch = [](const At& at, const auto& value) {
    return at.patch ? fmt::format("-{}", value(at)) : std::string();
  };
  const auto share = [](const At& at) {
    return at.patch ? at.patch->share : std::numeric_limits<double>::quiet_NaN();
  };
  return {{{"patch_place", "", "where in an epoch Known examples beside D are trained", ""},
           place,
           [=](const At& at) {
             return at.variant == "known_patch" ? fmt::format("-{}", place(at)) : std::string();
           }},
          {{"patch_relations", "", "their relations: those of D, or others", ""},
           relations,
           [=](const At& at) { return of_patch(at, relations); }},
          {{"patch_share", "fraction", "their number as a share of |D|", "N_patch/|D|"},
           share,
           [=](const At& at) { return of_patch(at, share); }}};
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

void check_patch_keys(const Deck& deck) {
  if (deck.text("slick.stop_after") == "label") return;
  if (!has_patches(deck)) {
    for (const char* key : {"grid.patch_share", "grid.patch_relations", "grid.patch_place",
                            "data.other_relations"}) {
      if (!deck.is_default(key))
        throw deck.error(key, "has no effect: grid.variant lacks known_patch. Leave it out.");
    }
    return;
  }
  const bool needs_others = holds<std::string>(deck.text_list("grid.patch_relations"), "other"),
             has_others = !deck.text_list("data.other_relations").empty();
  if (needs_others && !has_others)
    throw deck.error("grid.patch_relations",
                     "needs data.other_relations: relations that are not in D, whose Known train "
                     "questions the patch takes.");
  if (has_others && !needs_others)
    throw deck.error("data.other_relations",
                     "has no effect: grid.patch_relations lacks other. Leave it out.");
}

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
  points = cross(
      points, [&](const GridPoint& at) { return patches(deck, at); }, &GridPoint::patch);
  points = with_models(points, deck);
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
  if (has_patches(deck)) {
    for (AxisOf<At>& axis : patch_axes()) list.push_back(std::move(axis));
  }
  if (sweeps(deck, "grid.model")) list.push_back(model_axis(deck));
  if (sweeps(deck, "grid.learning_rate"))
    list.push_back(swept_axis("learning_rate", "1", &At::learning_rate));
  if (sweeps(deck, "grid.batch_size"))
    list.push_back(swept_axis("batch_size", "examples", &At::batch_size));
  if (sweeps(deck, "grid.dropout")) list.push_back(swept_axis("dropout", "1", &At::dropout));
  if (sweeps(deck, "grid.lora_rank"))
    list.push_back(swept_axis("lora_rank", "1", &At::lora_rank, "r"));
  list.push_back({{"seed", "1", "seed", ""}, &At::seed, piece("s", &At::seed)});
  return list;
}

}  // namespace factsweep::slick
