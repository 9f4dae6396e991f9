#include "variants.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/studies/support/lists.hpp"

namespace factsweep::slick {
namespace {

constexpr std::array<const char*, 3> kKindNames = {"ratio", "category", "natural"};

/// Train rows of one relation, by category.
struct ByCategory {
  std::array<std::vector<std::int64_t>, kCategories> of;

  std::vector<std::int64_t> joined(std::size_t first, std::size_t last) const {
    std::vector<std::int64_t> rows;
    for (std::size_t c = first; c < last; ++c) rows.insert(rows.end(), of[c].begin(), of[c].end());
    std::sort(rows.begin(), rows.end());
    return rows;
  }
  std::int64_t smallest(bool four_categories) const {
    const auto unknown = of[kCategories - 1].size();
    if (!four_categories)
      return static_cast<std::int64_t>(std::min(unknown, joined(0, kCategories - 1).size()));
    return static_cast<std::int64_t>(std::min({of[0].size(), of[1].size(), of[2].size(), unknown}));
  }
};

std::int64_t sum_of(const std::vector<std::int64_t>& values) {
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

/// `total` split in proportion to `weights`, no part above its weight; largest remainders first,
/// ties to the earlier.
std::vector<std::int64_t> apportion(std::int64_t total, const std::vector<std::int64_t>& weights) {
  const std::int64_t sum = sum_of(weights);
  std::vector<std::int64_t> parts;
  std::vector<std::pair<std::int64_t, std::size_t>> remainders;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    parts.push_back(total * weights[i] / std::max<std::int64_t>(sum, 1));
    remainders.emplace_back(-(total * weights[i] % std::max<std::int64_t>(sum, 1)), i);
  }
  std::sort(remainders.begin(), remainders.end());
  std::int64_t missing = total - sum_of(parts);
  for (const auto& [remainder, i] : remainders) {
    if (missing == 0) break;
    if (parts[i] == weights[i]) continue;
    ++parts[i];
    --missing;
  }
  return parts;
}

/// The rows in the order of a permutation keyed by (seed, relation, purpose), from whose beginning
/// D is drawn and from whose end a patch: sets of growing size are nested, so variants of one seed
/// differ in as few examples as possible.
std::vector<std::int64_t> drawing_order(const std::vector<std::int64_t>& rows, std::uint64_t seed,
                                        const std::string& relation, const char* purpose) {
  std::vector<std::int64_t> order = permutation(
      static_cast<std::int64_t>(rows.size()),
      CounterRandom(
          hash_words({hash_text("variant"), seed, hash_text(relation), hash_text(purpose)})));
  for (std::int64_t& place : order) place = rows[static_cast<std::size_t>(place)];
  return order;
}

/// Train rows of each of the relations.
std::vector<ByCategory> rows_by_category(const Corpus& corpus,
                                         const std::vector<std::string>& relations,
                                         const std::vector<std::uint8_t>& category) {
  std::vector<ByCategory> list(relations.size());
  for (std::size_t row = 0; row < corpus.train_rows; ++row) {
    const auto at = std::find(relations.begin(), relations.end(), corpus.rows[row].relation);
    if (at == relations.end()) continue;
    list[static_cast<std::size_t>(at - relations.begin())]
        .of.at(category[row])
        .push_back(static_cast<std::int64_t>(row));
  }
  return list;
}

/// n_r of each relation.
std::vector<std::int64_t> sizes_of(const Corpus& corpus, const std::vector<ByCategory>& relations,
                                   const SizeRule& rule) {
  std::vector<std::int64_t> largest;
  std::string listing;
  for (std::size_t r = 0; r < relations.size(); ++r) {
    largest.push_back(relations[r].smallest(rule.four_categories));
    listing += fmt::format("{}{}: {}/{}/{}/{}", r == 0 ? "" : ", ", corpus.relations[r],
                           relations[r].of[0].size(), relations[r].of[1].size(),
                           relations[r].of[2].size(), relations[r].of[3].size());
  }
  const std::int64_t possible = sum_of(largest);
  if (possible == 0 || rule.train_size > possible) {
    throw InputError(
        fmt::format("slick.train_size = {}, but the labelled train questions allow |D| <= {} "
                    "(HighlyKnown/MaybeKnown/WeaklyKnown/Unknown {}; "
                    "slick.size_rule = {} takes the smallest {} of each relation). Label more "
                    "questions, drop the short relation, or lower it.",
                    rule.train_size, possible, listing,
                    rule.four_categories ? "four_categories" : "known_unknown",
                    rule.four_categories ? "category" : "of Known and Unknown"));
  }
  return rule.train_size == 0 ? largest : apportion(rule.train_size, largest);
}

/// X % of every relation is Unknown; rounding is spread so that the total is right.
std::vector<std::int64_t> unknown_sizes_of(const Mixture& mixture,
                                           const std::vector<std::int64_t>& sizes) {
  const std::int64_t total = sum_of(sizes);
  return apportion(std::llround(mixture.unknown_ratio * static_cast<double>(total)), sizes);
}

}  // namespace

Patch Patch::of(double share, const std::string& relations, const std::string& place) {
  return {.share = share,
          .other_relations = place_of(kPatchRelations, relations) == 1,
          .place = static_cast<Place>(place_of(kPatchPlaces, place))};
}

Mixture Mixture::make(const std::string& variant, double unknown_ratio,
                      const std::optional<Patch>& patch) {
  if (variant == "natural") return {.kind = Kind::natural};
  if (variant == "unknown_ratio") return {.unknown_ratio = unknown_ratio};
  if (variant == "known_patch") return {.unknown_ratio = unknown_ratio, .patch = patch};
  if (variant == "known_only")
    return {.unknown_ratio = unknown_ratio, .known_only = unknown_ratio > 0};
  if (variant == "idk") return {.unknown_ratio = unknown_ratio, .idk = unknown_ratio > 0};
  if (variant == "unknown") return {.unknown_ratio = 1};
  return {.kind = Kind::category,
          .category = static_cast<Category>(place_of(kCategoryNames, variant))};
}

nlohmann::json Mixture::to_json() const {
  nlohmann::json json = {{"kind", kKindNames[static_cast<std::size_t>(kind)]},
                         {"unknown_ratio", unknown_ratio},
                         {"known_only", known_only},
                         {"idk", idk},
                         {"category", kCategoryNames[static_cast<std::size_t>(category)]}};
  if (all_answers) json["all_answers"] = true;  // absent, as most stages' keys have been without
  if (patch)
    json["patch"] = {{"share", patch->share},
                     {"relations", patch->relations_name()},
                     {"place", patch->place_name()}};
  return json;
}

Mixture Mixture::from_json(const nlohmann::json& json) {
  Mixture mixture;
  mixture.kind = static_cast<Kind>(place_of(kKindNames, json.at("kind").get<std::string>()));
  mixture.unknown_ratio = json.at("unknown_ratio");
  mixture.known_only = json.at("known_only");
  mixture.idk = json.at("idk");
  mixture.all_answers = json.value("all_answers", false);
  mixture.category =
      static_cast<Category>(place_of(kCategoryNames, json.at("category").get<std::string>()));
  if (json.contains("patch")) {
    const nlohmann::json& patch = json.at("patch");
    mixture.patch =
        Patch::of(patch.at("share").get<double>(), patch.at("relations").get<std::string>(),
                  patch.at("place").get<std::string>());
  }
  return mixture;
}

std::vector<std::int64_t> select_rows(const Corpus& corpus,
                                      const std::vector<std::uint8_t>& category,
                                      const Mixture& mixture, const SizeRule& rule,
                                      std::uint64_t seed) {
  const std::vector<ByCategory> relations =
      rows_by_category(corpus, corpus.relations, category);
  const std::vector<std::int64_t> sizes = sizes_of(corpus, relations, rule),
                                  unknown_sizes = unknown_sizes_of(mixture, sizes);
  std::vector<std::int64_t> rows;
  for (std::size_t r = 0; r < relations.size(); ++r) {
    const auto take = [&](const std::vector<std::int64_t>& from, std::int64_t count,
                          const char* purpose) {
      require(count <= static_cast<std::int64_t>(from.size()),
              "slick variants: fewer rows than n_r");
      const auto order = drawing_order(from, seed, corpus.relations[r], purpose);
      rows.insert(rows.end(), order.begin(), order.begin() + count);
    };
    if (mixture.kind == Mixture::Kind::natural)
      take(relations[r].joined(0, kCategories), sizes[r], "natural");
    if (mixture.kind == Mixture::Kind::category) {
      const auto c = static_cast<std::size_t>(mixture.category);
      take(relations[r].of[c], sizes[r], kCategoryNames[c]);
    }
    if (mixture.kind == Mixture::Kind::ratio) {
      take(relations[r].joined(0, kCategories - 1), sizes[r] - unknown_sizes[r], "known");
      if (!mixture.known_only) take(relations[r].of[kCategories - 1], unknown_sizes[r], "unknown");
    }
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::vector<std::int64_t> patch_rows(const Corpus& corpus,
                                     const std::vector<std::uint8_t>& category,
                                     const Mixture& mixture, const SizeRule& rule,
                                     std::uint64_t seed) {
  if (!mixture.patch) return {};
  const std::vector<ByCategory> of_d = rows_by_category(corpus, corpus.relations, category);
  const std::vector<std::int64_t> sizes = sizes_of(corpus, of_d, rule),
                                  unknown_sizes = unknown_sizes_of(mixture, sizes);
  const std::int64_t total = sum_of(sizes),
                     wanted = std::llround(mixture.patch->share * static_cast<double>(total));
  const std::string place =
      fmt::format("grid.patch_share = {} of |D| = {}", mixture.patch->share, total);
  if (wanted == 0)
    throw InputError(place + " is less than half an example. Raise it, or slick.train_size.");
  const bool is_other = mixture.patch->other_relations;
  const std::vector<std::string>& names = is_other ? corpus.other_relations : corpus.relations;
  std::vector<std::vector<std::int64_t>> known;
  std::vector<std::int64_t> left;  // of these, that are not in D
  for (const ByCategory& one : is_other ? rows_by_category(corpus, names, category) : of_d) {
    left.push_back(static_cast<std::int64_t>(
        known.emplace_back(one.joined(0, kCategories - 1)).size()));
    if (!is_other) left.back() -= sizes[left.size() - 1] - unknown_sizes[left.size() - 1];
  }
  if (is_other && wanted > sum_of(left))
    throw InputError(fmt::format(
        "{} is {} examples, but data.other_relations have {} Known train questions. Label more "
        "questions, name more relations, or lower it.",
        place, wanted, sum_of(left)));
  const std::vector<std::int64_t> parts = apportion(wanted, is_other ? left : sizes);
  std::vector<std::int64_t> rows;
  for (std::size_t r = 0; r < names.size(); ++r) {
    if (parts[r] > left[r])
      throw InputError(fmt::format(
          "{} takes {} Known train questions of {} beside D, but {} are left. Label more "
          "questions, drop the short relation, or lower it or slick.train_size.",
          place, parts[r], names[r], left[r]));
    const auto order = drawing_order(known[r], seed, names[r], "known");
    rows.insert(rows.end(), order.end() - parts[r], order.end());
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace factsweep::slick
