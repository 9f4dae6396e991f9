#include "factsweep/studies/slick/asked.hpp"

#include "options.hpp"

namespace factsweep::slick {

std::vector<std::string> prompt_kinds() {
  return {"label", "train", "p_true"};
}

std::string asked_prompt(const Deck& deck, std::string_view kind, std::span<const Question> shots,
                         const Question& question, std::string_view answer) {
  if (kind == "label") return prompts(deck, kLabelPrompts).asked(shots, question);
  if (kind == "train") return prompts(deck, kTrainPrompts).train.filled(question);
  return prompts(deck, kPTruePrompts).p_true.filled(question, answer);
}

}  // namespace factsweep::slick
