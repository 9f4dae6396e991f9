// What the stages of one rank share: the questions, their exemplars, what is asked beside them, and
// a base model.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "corpus.hpp"
#include "factsweep/label/labelling.hpp"
#include "factsweep/model/model.hpp"
#include "factsweep/studies/support/abilities.hpp"

namespace factsweep::slick {

/// Which questions stand before those that are labelled, by relation: drawn from its dev questions,
/// or the rows of label.exemplars in their order, the first label.shots of a relation for set 0,
/// the next for set 1. InputError: too few dev questions; rows that are too few or too many, or one
/// that is labelled, too, and would be told its answer.
std::map<std::string, ExemplarSets> exemplars_of(const Deck& deck, const Corpus& corpus);

struct Worker {
  Corpus corpus;
  std::map<std::string, ExemplarSets> exemplars;  // by relation
  Abilities abilities = {};
  Model model = {};                               // the one that use() or prepare() has read
  std::optional<TokenId> answer_end = {};  // its special token after the answers of exemplars

  std::vector<Question> questions(const Chunk& chunk) const {
    const auto first = corpus.rows.begin() + static_cast<std::ptrdiff_t>(chunk.first);
    return {first, first + static_cast<std::ptrdiff_t>(chunk.count)};
  }

  /// Of each of the sweep's models. InputError: see check_models(); also when an accepted answer is
  /// longer than answers may get, which would never be right, so that its fact would pass for one
  /// that the model does not know.
  std::vector<std::string> check(const Deck& deck);
  /// After check(). Loads the sweep's first model, whose answers end where those of exemplars do.
  void prepare(const Deck& deck, const std::string& device);
  /// Makes `model` the sweep's one in this directory: of several a rank holds one at a time.
  /// InputError: see Model::load().
  const Model& use(const std::string& directory);

 private:
  std::string used_ = {};  // directory of the model
  std::string device_ = {};
  torch::Dtype dtype_ = torch::kFloat32;
  std::map<std::string, std::optional<TokenId>> answer_ends_ = {};  // by directory
};

/// The special token with which the text after an exemplar's answer begins; none where it begins
/// with a line break. InputError: it begins with neither.
std::optional<TokenId> answer_end_token(const Deck& deck, const Tokenizer& tokenizer);

}  // namespace factsweep::slick
