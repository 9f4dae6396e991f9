#include "factsweep/studies/support/lengths.hpp"

#include <algorithm>
#include <cmath>

#include "factsweep/core/error.hpp"

namespace factsweep {

double PassTexts::padded() const {
  return std::max(tokens, count * longest);
}

Lengths Lengths::of(double tokens, double answer) {
  return {.texts = 1,
          .tokens = tokens,
          .answers = answer,
          .squares = tokens * tokens,
          .longest = tokens};
}

double Lengths::deviation() const {
  return texts > 0 ? std::sqrt(std::max(0.0, squares / texts - mean() * mean())) : 0;
}

void Lengths::add(const Lengths& more, double share) {
  texts += share * more.texts;
  tokens += share * more.tokens;
  answers += share * more.answers;
  squares += share * more.squares;
  // of a normal distribution the largest of n is about so many deviations from the mean
  const double of_some =
      more.mean() + more.deviation() * std::sqrt(2 * std::log(std::max(1.0, share * more.texts)));
  longest = std::max(longest, share < 1 ? std::min(more.longest, of_some) : more.longest);
}

double Lengths::mean() const {
  return texts > 0 ? tokens / texts : 0;
}

double Lengths::mean_answer() const {
  return texts > 0 ? answers / texts : 0;
}

Lengths Lengths::first(double count) const {
  Lengths some;
  if (texts > 0) some.add(*this, count / texts);
  return some;
}

PassTexts Lengths::pass(double count, double most) const {
  if (texts == 0) return {};
  constexpr double kDeviations = 3;
  const double together = std::min({count, texts, std::max(1.0, most / mean())});
  const double large = mean() * together + kDeviations * deviation() * std::sqrt(together);
  const double all = std::min({tokens, std::max(longest, large), std::max(longest, most)});
  return {.count = together, .tokens = all, .answers = answers / tokens * all, .longest = longest};
}

TokenCounter::TokenCounter(const std::string& model) {
  try {
    tokenizer_ = Tokenizer::shared(model);
  } catch (const InputError&) {  // it is told of when the model is loaded
  }
}

double TokenCounter::operator()(const std::string& text) const {
  return tokenizer_ == nullptr
             ? static_cast<double>(text.size()) / kCharactersPerToken
             : static_cast<double>(tokenizer_->encode(text, /*with_special=*/true).size());
}

double characters_per_token(const std::string& model, std::span<const std::string> texts) {
  const TokenCounter count(model);
  double characters = 0, tokens = 0;
  for (const std::string& text : texts) {
    characters += static_cast<double>(text.size());
    tokens += count(text);
  }
  return tokens > 0 ? characters / tokens : kCharactersPerToken;
}

}  // namespace factsweep
