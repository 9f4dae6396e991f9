#include "worker.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "evaluation.hpp"
#include "factsweep/model/torch.hpp"
#include "options.hpp"

namespace factsweep::slick {
namespace {

void check_room(const Deck& deck, const char* key, const Tokenizer& tokenizer,
                const std::string& lead, const std::vector<std::string>& answers) {
  const std::string* longest = nullptr;
  std::int64_t needed = deck.integer(key);
  for (const std::string& answer : answers) {
    const auto tokens = static_cast<std::int64_t>(tokenizer.encode(lead + answer).size());
    if (tokens <= needed) continue;
    needed = tokens;
    longest = &answer;
  }
  if (longest == nullptr) return;
  throw deck.error(key,
                   fmt::format("is too short: the answer '{}' has {} tokens and could never be "
                               "given. Set it to {} or more.",
                               *longest, needed, needed));
}

}  // namespace

void Worker::prepare(const Deck& deck, const std::string& device) {
  model = Model::load(deck.text("model.path"), parse_dtype(deck.text("model.dtype")),
                      torch::Device(device));
  std::vector<std::string> answers;
  const auto add = [&](const std::vector<Question>& questions) {
    for (const Question& question : questions) {
      for (std::string& answer : accepted_answers(question)) answers.push_back(std::move(answer));
    }
  };
  add(corpus.rows);
  check_room(deck, "label.max_new_tokens", *model.tokenizer, " ", answers);
  add(corpus.dev_probe);
  const std::vector<std::string> variants = deck.text_list("grid.variant");
  if (std::find(variants.begin(), variants.end(), "idk") != variants.end())
    answers.emplace_back(kIdontKnow);
  check_room(deck, "slick.answer_max_tokens", *model.tokenizer, answer_lead(deck), answers);
}

}  // namespace factsweep::slick
