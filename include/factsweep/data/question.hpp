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
  std::string answer;    // the gold answer; the first when the file lists several
  std::string subject;   // "Painblanc"
  std::int32_t exposures =
      -1;  // times the training corpus states the fact; -1 unless exposures.json says so
  bool ambiguous = false;  // records of the relation, of any split, give it different answers
};

}  // namespace factsweep
