// Small files of what a study asks beside what it teaches (ability.*).
#pragma once

#include <string>

#include "factsweep/core/file.hpp"
#include "tiny_model.hpp"

namespace factsweep::test {

inline const std::string kAbilityText = "the sea is blue and the town is old";

/// Writes them; returns the deck's section. Values: ability_letters and _letters_likelihood (of
/// three questions), ability_mc (of two), ability_perplexity.
inline std::string write_abilities(const TemporaryFolder& folder) {
  std::string letters, mc;
  for (const char* answer : {"A", "B", "A"})
    letters += std::string(R"({"question": "Which is )") + answer +
               R"( ?", "choices": {"text": ["blue", "old"], "label": ["A", "B"]}, "answerKey": ")" +
               answer + "\"}\n";
  for (const char* labels : {"[1, 0]", "[0, 1]"})
    mc += std::string(R"({"question": "Is it?", "mc1_targets": {"choices": ["It is.", "No."], )") +
          "\"labels\": " + labels + "}}\n";
  write_file(folder / "letters.jsonl", letters);
  write_file(folder / "mc.jsonl", mc);
  write_file(folder / "ability.txt", kAbilityText);
  return "[ability]\ntasks = " + (folder / "letters.jsonl").string() + ", " +
         (folder / "mc.jsonl").string() + "\ntext = " + (folder / "ability.txt").string() +
         "\ntext_tokens = 12\ntext_window = 5\n";
}

inline const char* const kAbilities[] = {"ability_letters", "ability_letters_likelihood",
                                         "ability_mc", "ability_perplexity"};

}  // namespace factsweep::test
