// Closed-book questions and their gold answers (SliCK, section 2: (subject, relation, object)
// triplets).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace factsweep {

enum class Split { train, dev, test };
std::string_view name(Split split);

struct Question {
  std::string relation;  // "P17"
  Split split = Split::train;
  std::string question;  // "Which country is Painblanc located in?"
  std::string answer;    // the gold answer; the first where there are several
  std::string subject;   // "Painblanc"
  std::int32_t exposures =
      -1;  // times the training corpus states the fact; -1: nobody has counted
  bool ambiguous = false;  // other records, of any split, give it answers that are wrong here
  std::vector<std::string> aliases = {};  // other answers that are right, no two alike
};

/// `answer`, then the aliases: a question is answered right by any of them.
std::vector<std::string> accepted_answers(const Question& question);

}  // namespace factsweep
