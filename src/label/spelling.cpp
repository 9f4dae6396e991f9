#include "factsweep/label/spelling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "factsweep/core/error.hpp"
#include "factsweep/core/utf8.hpp"
#include "factsweep/data/answer_matcher.hpp"
#include "factsweep/text/utf8_check.hpp"

namespace factsweep {

Spelling spell(const Tokenizer& tokenizer, std::string_view answer) {
  const std::string plain(AnswerMatcher::trimmed(answer));
  std::string bytes;
  try {
    for (const TokenId id : tokenizer.encode(" " + plain)) {  // as inside a sentence
      if (tokenizer.is_special(id)) return {plain, false};
      bytes += tokenizer.piece(id);
    }
  } catch (const InputError&) {
    return {plain, false};  // an unknown character, and no token for it
  }
  const std::string_view spelled = AnswerMatcher::trimmed(bytes);
  // a tokenizer of bytes that lacks one of a character leaves the others
  if (spelled.empty() || (!text::is_valid_utf8(spelled) && text::is_valid_utf8(plain))) return {plain, false};
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

std::vector<std::string> spelling_warnings(const std::filesystem::path& model,
                                           const std::string& source,
                                           std::span<const AskedAnswer> answers) {
  std::shared_ptr<const Tokenizer> tokenizer;
  try {
    tokenizer = Tokenizer::shared(model);
  } catch (const InputError&) {
    return {};
  }
  std::size_t count = 0;
  const AskedAnswer* first = nullptr;
  for (const AskedAnswer& asked : answers) {
    const auto is_possible = [&](std::string_view answer) {
      return spell(*tokenizer, answer).possible;
    };
    if (is_possible(asked.answer) ||
        std::any_of(asked.aliases.begin(), asked.aliases.end(), is_possible))
      continue;
    if (++count == 1) first = &asked;
  }
  if (count == 0) return {};
  return {fmt::format(
      "warning: {}: no tokens of the model {} spell {} of {} gold answers, which are wrong "
      "whatever the model knows; the first is '{}' to '{}'",
      source, model.string(), count, answers.size(), excerpt(first->answer),
      excerpt(first->question))};
}

}  // namespace factsweep
