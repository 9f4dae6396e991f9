#include "variants.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"

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

/// `total` split in proportion to `weights`, no part above its weight; largest remainders first,
/// ties to the earlier.
std::vector<std::int64_t> apportion(std::int64_t total, const std::vector<std::int64_t>& weights) {
  const std::int64_t sum = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
  std::vector<std::int64_t> parts;
  std::vector<std::pair<std::int64_t, std::size_t>> remainders;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    parts.push_back(total * weights[i] / std::max<std::int64_t>(sum, 1));
    remainders.emplace_back(-(total * weights[i] % std::max<std::int64_t>(sum, 1)), i);
  }
  std::sort(remainders.begin(), remainders.end());
  std::int64_t missing = total - std::accumulate(parts.begin(), parts.end(), std::int64_t{0});
  for (const auto& [remainder, i] : remainders) {
    if (missing == 0) break;
    if (parts[i] == weights[i]) continue;
    ++parts[i];
    --missing;
  }
  return parts;
}

/// The first `count` rows of a permutation keyed by (seed, relation, purpose): sets of growing size
/// are nested, so variants of one seed differ in as few examples as possible.
std::vector<std::int64_t> draw(const std::vector<std::int64_t>& from, std::int64_t count,
                               std::uint64_t seed, const std::string& relation,
                               const char* purpose) {
  require(count <= static_cast<std::int64_t>(from.size()), "slick variants: fewer rows than n_r");
  const auto order = permutation(
      static_cast<std::int64_t>(from.size()),
      CounterRandom(
          hash_words({hash_text("variant"), seed, hash_text(relation), hash_text(purpose)})));
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < count; ++i) rows.push_back(from[static_cast<std::size_t>(order[i])]);
  return rows;
}

std::vector<ByCategory> rows_by_category(const Corpus& corpus,
                                         const std::vector<std::uint8_t>& category) {
  std::vector<ByCategory> relations(corpus.relations.size());
  for (std::size_t row = 0; row < corpus.train_rows; ++row) {
    const auto at =
        std::find(corpus.relations.begin(), corpus.relations.end(), corpus.rows[row].relation) -
        corpus.relations.begin();
    relations[static_cast<std::size_t>(at)]
        .of.at(category[row])
        .push_back(static_cast<std::int64_t>(row));
  }
  return relations;
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
  const std::int64_t possible = std::accumulate(largest.begin(), largest.end(), std::int64_t{0});
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

}  // namespace

Mixture Mixture::make(const std::string& variant, double unknown_ratio) {
  if (variant == "natural") return {.kind = Kind::natural};
  if (variant == "unknown_ratio") return {.unknown_ratio = unknown_ratio};
  if (variant == "known_only")
    return {.unknown_ratio = unknown_ratio, .known_only = unknown_ratio > 0};
  if (variant == "idk") return {.unknown_ratio = unknown_ratio, .idk = unknown_ratio > 0};
  if (variant == "unknown") return {.unknown_ratio = 1};
  const auto found = std::find(kCategoryNames.begin(), kCategoryNames.end(), variant);
  require(found != kCategoryNames.end(), "slick: an unknown variant passed the deck's check");
  return {.kind = Kind::category,
          .category = static_cast<Category>(found - kCategoryNames.begin())};
}

nlohmann::json Mixture::to_json() const {
  nlohmann::json json = {{"kind", kKindNames[static_cast<std::size_t>(kind)]},
                         {"unknown_ratio", unknown_ratio},
                         {"known_only", known_only},
                         {"idk", idk},
                         {"category", kCategoryNames[static_cast<std::size_t>(category)]}};
  if (all_answers) json["all_answers"] = true;  // absent, as most stages' keys have been without
  return json;
}

Mixture Mixture::from_json(const nlohmann::json& json) {
  Mixture mixture;
  const auto kind_name = json.at("kind").get<std::string>(),
             category_name = json.at("category").get<std::string>();
  mixture.kind = static_cast<Kind>(std::find(kKindNames.begin(), kKindNames.end(), kind_name) -
                                   kKindNames.begin());
  mixture.unknown_ratio = json.at("unknown_ratio");
  mixture.known_only = json.at("known_only");
  mixture.idk = json.at("idk");
  mixture.all_answers = json.value("all_answers", false);
  mixture.category =
      static_cast<Category>(std::find(kCategoryNames.begin(), kCategoryNames.end(), category_name) -
                            kCategoryNames.begin());
  return mixture;
}

std::vector<std::int64_t> select_rows(const Corpus& corpus,
                                      const std::vector<std::uint8_t>& category,
                                      const Mixture& mixture, const SizeRule& rule,
                                      std::uint64_t seed) {
  const std::vector<ByCategory> relations = rows_by_category(corpus, category);
  const std::vector<std::int64_t> sizes = sizes_of(corpus, relations, rule);
  // X % of every relation is Unknown; rounding is spread so that the total is right
  const std::int64_t total = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
  const auto unknown_sizes =
      apportion(std::llround(mixture.unknown_ratio * static_cast<double>(total)), sizes);
  std::vector<std::int64_t> rows;
  for (std::size_t r = 0; r < relations.size(); ++r) {
    const std::string& relation = corpus.relations[r];
    const auto take = [&](const std::vector<std::int64_t>& from, std::int64_t count,
                          const char* purpose) {
      const auto drawn = draw(from, count, seed, relation, purpose);
      rows.insert(rows.end(), drawn.begin(), drawn.end());
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

}  // namespace factsweep::slick
