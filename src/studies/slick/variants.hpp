// Which train questions a fine-tuning set D holds (SliCK, sections 4 and 5, appendix E).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "corpus.hpp"
#include "factsweep/label/labelling.hpp"

namespace factsweep::slick {

/// How one relation's n_r examples are mixed; every variant of the paper is one of these.
struct Mixture {
  enum class Kind { ratio, category, natural };
  Kind kind = Kind::ratio;
  double unknown_ratio = 0;  // ratio: share of Unknown, the rest Known in their natural mix
  bool known_only = false;   // ratio: leave the Unknown part out (D_Known)
  bool idk = false;          // ratio: the Unknown part is taught "I don't know"
  bool all_answers = false;  // of questions with several, all are taught in turn, not the first
  Category category = Category::highly_known;  // category: all examples of this one

  /// From grid.variant and its ratio; equal sets get equal mixtures (known_only at 0 is
  /// unknown_ratio at 0; unknown is unknown_ratio at 1), so that they are trained once.
  static Mixture make(const std::string& variant, double unknown_ratio);
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

}  // namespace factsweep::slick
