// What a training teaches: the examples of D, and those of the patch beside it.
#pragma once

#include <cstdint>
#include <vector>

#include "../answer_kinds.hpp"
#include "../evaluation.hpp"
#include "../variants.hpp"
#include "../worker.hpp"
#include "factsweep/deck/deck.hpp"
#include "factsweep/train/example.hpp"

namespace factsweep::slick {

struct Taught {
  std::vector<std::int64_t> members, patch;                // rows of D and of the patch
  std::vector<Question> of_members = {}, of_patch = {};    // the same, with the answers taught
  std::vector<Example> examples = {};                      // of D, then of the patch
  GoldAnswers shown = {};                                  // "I don't know" is none
};

/// `category`: of all rows. InputError: see select_rows() and patch_rows(); answers are to end with
/// an EOS token that the model lacks.
Taught taught(const Worker& worker, const Deck& deck, const Mixture& mixture,
              const std::vector<std::uint8_t>& category, std::uint64_t seed,
              const AnswerFormat& format);

}  // namespace factsweep::slick
