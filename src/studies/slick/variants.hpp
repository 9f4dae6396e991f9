// Which train questions a fine-tuning set D holds (SliCK, sections 4 and 5, appendix E), and which
// Known ones are trained beside it (arXiv 2511.02626).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "corpus.hpp"
#include "factsweep/label/labelling.hpp"

namespace factsweep::slick {

/// As the deck and a mixture's JSON have them: no and yes to Patch::other_relations, and the
/// enumerators of Patch::Place.
inline const std::vector<std::string> kPatchRelations = {"same", "other"},
                                      kPatchPlaces = {"end", "start", "shuffled"};

/// Known examples that are not in D and are trained with it.
struct Patch {
  enum class Place { end, start, shuffled };  // of each epoch
  double share = 0;                           // of |D|
  bool other_relations = false;               // of Corpus::other_relations; else of those of D
  Place place = Place::end;

  static Patch of(double share, const std::string& relations, const std::string& place);
  const std::string& relations_name() const { return kPatchRelations[other_relations ? 1 : 0]; }
  const std::string& place_name() const { return kPatchPlaces[static_cast<std::size_t>(place)]; }
};

/// How one relation's n_r examples are mixed; every variant of the paper is one of these.
struct Mixture {
  enum class Kind { ratio, category, natural };
  Kind kind = Kind::ratio;
  double unknown_ratio = 0;  // ratio: share of Unknown, the rest Known in their natural mix
  bool known_only = false;   // ratio: leave the Unknown part out (D_Known)
  bool idk = false;          // ratio: the Unknown part is taught "I don't know"
  bool all_answers = false;  // of questions with several, all are taught in turn, not the first
  Category category = Category::highly_known;  // category: all examples of this one
  std::optional<Patch> patch = {};             // ratio: what is trained beside D

  /// From grid.variant and its ratio, and of known_patch its patch, if there is one; equal sets get
  /// equal mixtures (known_only at 0 is unknown_ratio at 0; unknown is unknown_ratio at 1), so that
  /// they are trained once.
  static Mixture make(const std::string& variant, double unknown_ratio,
                      const std::optional<Patch>& patch = {});
  nlohmann::json to_json() const;
  static Mixture from_json(const nlohmann::json& json);
};

/// |D| and from where it follows.
struct SizeRule {
  std::int64_t train_size = 0;  // slick.train_size: |D| of every variant; 0: the largest possible
  bool four_categories =
      true;  // n_r = smallest of the four categories (the paper); else of Known and Unknown
};

/// Rows of D for one mixture, ascending. `category` of all train rows. n_r, and so |D|, is the same
/// for every mixture (D_known has only its known part). InputError: |D| larger than the categories
/// allow (says which relation is short).
std::vector<std::int64_t> select_rows(const Corpus& corpus,
                                      const std::vector<std::uint8_t>& category,
                                      const Mixture& mixture, const SizeRule& rule,
                                      std::uint64_t seed);

/// Rows of the mixture's patch, ascending; none without one. Patches of one seed are nested in each
/// other, and the same beside D of whatever unknown ratio. InputError: the share is no example, or
/// a relation has too few Known questions that are not in D (says which).
std::vector<std::int64_t> patch_rows(const Corpus& corpus,
                                     const std::vector<std::uint8_t>& category,
                                     const Mixture& mixture, const SizeRule& rule,
                                     std::uint64_t seed);

}  // namespace factsweep::slick
