#include "learning.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "../options.hpp"
#include "factsweep/studies/support/training_options.hpp"

namespace factsweep::kshot {

std::vector<std::string> learning_keys(const std::string& section, const std::string& length) {
  return {
      section + "." + length, section + ".learning_rate", "model.dtype", "train.", "kshot.longest",
      "kshot.template",       "run.checkpoint_interval"};
}

TrainSettings learning_settings(const std::string& section, std::uint64_t seed, const Deck& deck) {
  TrainSettings settings = train_settings(deck);
  settings.learning_rate = deck.real(section + ".learning_rate");
  settings.epochs = deck.integer(section + ".epochs");
  settings.seed = seed;
  return settings;
}

TrainingExamples lessons_of(const TaskSet& set, const Model& model, const Deck& deck) {
  const std::int64_t longest = deck.integer("kshot.longest");
  TrainingExamples lessons = training_examples(model, set, prompts(deck), longest);
  if (lessons.examples.empty())
    throw InputError(
        fmt::format("{}: the prompts of all {} examples are longer than kshot.longest = {} tokens.",
                    set.name, set.examples.size(), longest));
  return lessons;
}

namespace {

std::int64_t batch_tokens(const Deck& deck) {
  return deck.integer("train.batch_size") * deck.integer("kshot.longest");
}

}  // namespace

double learning_activations(const Draft& draft) {
  const Deck& deck = draft.deck();
  constexpr double kAnswerShare = 0.25;  // of a prompt and its answer
  const std::int64_t tokens = std::min(batch_tokens(deck), deck.integer("train.microbatch_tokens"));
  return activation_bytes(deck, draft.model, static_cast<double>(tokens), kAnswerShare);
}

Cost learning_cost(const Draft& draft, const std::string& section, double tokens, double adapters) {
  const Deck& deck = draft.deck();
  const double epochs = static_cast<double>(deck.integer(section + ".epochs"));
  const double activations = learning_activations(draft);
  return {.flop = 2 * epochs * tokens * draft.model.flop_per_token(),
          .bytes = adapters * training_bytes(deck, draft.model, lora_config(deck),
                                             static_cast<double>(batch_tokens(deck))) +
                   activations,
          .activations = activations,
          .checkpoint = adapters * checkpoint_bytes(deck, draft.model, lora_config(deck))};
}

}  // namespace factsweep::kshot
