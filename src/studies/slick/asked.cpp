#include "factsweep/studies/slick/asked.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "factsweep/studies/support/models.hpp"
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

std::string labels_group(const Deck& deck, const std::string& model) {
  const std::vector<std::string> names = model_names(deck);
  const auto found = std::find(names.begin(), names.end(), model);
  if (found == names.end())
    throw InputError(fmt::format("no model of the sweep is called '{}'. Its models: {}.", model,
                                 fmt::join(names, ", ")));
  return found == names.begin() ? "/labels/base" : fmt::format("/labels/{}", model);
}

}  // namespace factsweep::slick
