#include "learning.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "../options.hpp"
#include "factsweep/studies/support/training_options.hpp"

namespace factsweep::kshot {

std::vector<std::string> learning_keys(const std::string& section, const std::string& length) {
  return {section + "." + length,
          section + ".learning_rate",
          "model.dtype",
          "train.",
          "kshot.longest",
          "kshot.template",
          "run.checkpoint_interval"};
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

Cost learning_cost(const Draft& draft, const std::string& section, double tokens, double adapters) {
  const Deck& deck = draft.deck();
  const double epochs = static_cast<double>(deck.integer(section + ".epochs"));
  const std::int64_t batch_tokens =
      deck.integer("train.batch_size") * deck.integer("kshot.longest");
  constexpr double kAnswerShare = 0.25;  // of a prompt and its answer
  const double pass_tokens =
      static_cast<double>(std::min(batch_tokens, deck.integer("train.microbatch_tokens")));
  const double activations = activation_bytes(deck, draft.model, pass_tokens, kAnswerShare);
  return {.flop = 2 * epochs * tokens * draft.model.flop_per_token(),
          .bytes = adapters * training_bytes(deck, draft.model, lora_config(deck),
                                     static_cast<double>(batch_tokens)) +
                   activations,
          .activations = activations,
          .checkpoint = adapters * checkpoint_bytes(deck, draft.model, lora_config(deck))};
}

}  // namespace factsweep::kshot
