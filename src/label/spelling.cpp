#include "factsweep/label/spelling.hpp"

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/data/answer_matcher.hpp"

namespace factsweep {

Spelling spell(const Tokenizer& tokenizer, std::string_view answer) {
  const std::string plain(AnswerMatcher::trimmed(answer));
  std::string text;
  try {
    for (const TokenId id : tokenizer.encode(" " + plain)) {  // as inside a sentence
      if (tokenizer.is_special(id)) return {plain, false};
      text += tokenizer.piece(id);
    }
  } catch (const InputError&) {
    return {plain, false};  // an unknown character, and no token for it
  }
  const std::string_view spelled = AnswerMatcher::trimmed(text);
  if (spelled.empty()) return {plain, false};
  return {std::string(spelled), true};
}

std::vector<std::string> spell_all(const Tokenizer& tokenizer,
                                   std::span<const std::string> answers) {
  std::vector<std::string> texts;
  for (const std::string& answer : answers) {
    std::string text = spell(tokenizer, answer).text;
    if (std::find(texts.begin(), texts.end(), text) == texts.end())
      texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace factsweep
