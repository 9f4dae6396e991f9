#include "worker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "factsweep/core/utf8.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/support/lists.hpp"
#include "factsweep/studies/support/models.hpp"
#include "options.hpp"

namespace factsweep::slick {
namespace {

/// The longest answer, of those that have more tokens than the key of the deck allows.
struct TooLong {
  std::string answer;
  std::int64_t tokens = 0;
};

std::optional<TooLong> too_long(const Deck& deck, const char* key, const Tokenizer& tokenizer,
                                const std::string& lead, const std::vector<std::string>& answers) {
  std::optional<TooLong> longest;
  for (const std::string& answer : answers) {
    const auto tokens = static_cast<std::int64_t>(tokenizer.encode(lead + answer).size());
    if (tokens > (longest ? longest->tokens : deck.integer(key))) longest = {answer, tokens};
  }
  return longest;
}

InputError too_short(const Deck& deck, const char* key, const TooLong& longest,
                     const std::string& more = "") {
  return deck.error(key, fmt::format("is too short: the answer '{}' has {} tokens and could never be "
                                     "given. Set it to {} or more{}.",
                                     longest.answer, longest.tokens, longest.tokens, more));
}

/// A template may hold the begin token, where the tokenizer adds none.
void check_begin(const Deck& deck, const char* key, const Tokenizer& tokenizer,
                 const std::string& prompt) {
  const std::vector<TokenId> tokens = tokenizer.encode(prompt, true);
  if (!tokenizer.bos() || tokens.size() < 2 || tokens[0] != *tokenizer.bos() ||
      tokens[1] != *tokenizer.bos())
    return;
  throw deck.error(key,
                   "begins with the model's begin token, which the tokenizer puts there by itself. "
                   "Leave it out.");
}

/// InputError: prompts and answers that the model's tokens do not fit.
void check_texts(const Deck& deck, const Tokenizer& tokenizer, const Corpus& corpus) {
  const Prompts labelling = prompts(deck, kLabelPrompts), training = prompts(deck, kTrainPrompts);
  const Question& any = corpus.rows.front();
  const std::string asked = labelling.asked({}, any), trained = training.train.filled(any);
  check_begin(deck, "prompt.label", tokenizer, asked);
  check_begin(deck, "prompt.train", tokenizer, trained);
  check_begin(deck, "prompt.p_true", tokenizer,
              prompts(deck, kPTruePrompts).p_true.filled(any, any.answer));
  std::vector<std::string> answers;
  const auto add = [&](const std::vector<Question>& questions) {
    for (const Question& question : questions) {
      for (std::string& answer : accepted_answers(question)) answers.push_back(std::move(answer));
    }
  };
  add(corpus.rows);
  constexpr const char *kLabel = "label.max_new_tokens", *kTrained = "slick.answer_max_tokens";
  const auto labelled =
      too_long(deck, kLabel, tokenizer, std::string(blank_before_answer(asked)), answers);
  add(corpus.dev_probe);
  if (holds<std::string>(deck.text_list("grid.variant"), "idk")) answers.push_back(training.idk);
  const auto taught = too_long(deck, kTrained, tokenizer, answer_lead(deck, trained), answers);
  if (labelled && taught)
    throw too_short(deck, kLabel, *labelled,
                    fmt::format(", and {} to {} or more", kTrained, taught->tokens));
  if (labelled) throw too_short(deck, kLabel, *labelled);
  if (taught) throw too_short(deck, kTrained, *taught);
}

}  // namespace

std::optional<TokenId> answer_end_token(const Deck& deck, const Tokenizer& tokenizer) {
  const Prompts asked = prompts(deck, {"shot"});
  const std::string_view end = asked.answer_end();
  if (end.starts_with('\n') || end.starts_with("\r\n")) return std::nullopt;
  // a special token has several characters; one alone that is special has no token of its own
  const std::size_t first = std::min(end.find_first_not_of(' '), end.size() - 1);
  const std::vector<TokenId> unknown =
      tokenizer.encode(end.substr(first, std::max<std::size_t>(1, utf8_length(end[first]))));
  for (const TokenId id : tokenizer.encode(end)) {
    if (tokenizer.is_special(id) && !holds(unknown, id)) return id;
    if (tokenizer.piece(id).find_first_not_of(' ') != std::string_view::npos) break;
  }
  throw deck.error("prompt.shot",
                   fmt::format("has '{}' after {{answer}}, which is neither a line break nor a "
                               "special token of the model, so answers would not end there. Put a "
                               "line break (\\n) after {{answer}}.",
                               excerpt(end)));
}

std::vector<std::string> Worker::check(const Deck& deck) {
  const CheckedModels models = check_models(model_directories(deck));
  for (const auto& [directory, tokenizer] : models.tokenizers) {
    answer_ends_[directory] = answer_end_token(deck, *tokenizer);
    check_texts(deck, *tokenizer, corpus);
  }
  return models.missing;
}

void Worker::prepare(const Deck& deck, const std::string& device) {
  device_ = device;
  dtype_ = parse_dtype(deck.text("model.dtype"));
  use(model_directories(deck).front());
}

const Model& Worker::use(const std::string& directory) {
  if (used_ == directory) return model;
  used_.clear();
  model = {};  // before the other one, as a device may have room for one alone
  model = Model::load(directory, dtype_, torch::Device(device_));
  used_ = directory;
  answer_end = answer_ends_.at(directory);
  if (answer_end && !model.is_eos(*answer_end)) model.eos.push_back(*answer_end);
  return model;
}

}  // namespace factsweep::slick
