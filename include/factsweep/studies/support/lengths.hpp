// How long texts are in tokens of a model: what a plan reckons work and memory from.
#pragma once

#include <limits>
#include <memory>
#include <span>
#include <string>

#include "factsweep/text/tokenizer.hpp"

namespace factsweep {

/// The texts of one pass through a model, for estimates.
struct PassTexts {
  double count = 0, tokens = 0, answers = 0;  // answers: tokens that are predicted
  double longest = 0;                         // tokens of a text
  /// Tokens when each text is filled up to the longest, as attention on a device has them.
  double padded() const;
};

/// How long the texts of a data set are, for estimates.
struct Lengths {
  double texts = 0, tokens = 0, answers = 0;  // answers: tokens of what is learnt or asked for
  double squares = 0, longest = 0;            // of a text's tokens

  /// One text.
  static Lengths of(double tokens, double answer);
  /// Other ones, or a share of them.
  void add(const Lengths& more, double share = 1);
  /// Tokens of a text on average; 0 where there is none.
  double mean() const;
  double mean_answer() const;
  double deviation() const;
  /// Of `count` of them that are like all.
  Lengths first(double count) const;
  /// A large pass of so many texts, or of as many as have `most` tokens.
  PassTexts pass(double count, double most) const;
};
/// As many texts as there are, or tokens as they have.
inline constexpr double kAllTexts = std::numeric_limits<double>::infinity();

/// Of English text in a vocabulary of some ten thousand tokens, for estimates.
inline constexpr double kCharactersPerToken = 4.5;

/// Tokens of texts in a model's vocabulary, with those that stand around a text; by
/// kCharactersPerToken where its tokenizer cannot be read yet.
class TokenCounter {
 public:
  explicit TokenCounter(const std::string& model);
  double operator()(const std::string& text) const;

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;  // null: it cannot be read
};

/// Of these texts; kCharactersPerToken where there are none.
double characters_per_token(const std::string& model, std::span<const std::string> texts);

}  // namespace factsweep
