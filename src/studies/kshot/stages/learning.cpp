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

Cost learning_cost(const Draft& draft, const std::string& section, const Lengths& lengths,
                   const StepSize& step) {
  const Deck& deck = draft.deck();
  const double epochs = static_cast<double>(deck.integer(section + ".epochs"));
  const TrainedPart& part = draft.base.trained(deck, lora_config(deck));
  const TrainingMemory training = training_memory(deck, draft.model, part, lengths, step);
  return {.flop = 2 * epochs *
                  (lengths.tokens * draft.model.flop_per_token() +
                   lengths.answers * draft.model.head_flop_per_token()),
          .bytes = training.most,
          .activations = training.activations,
          .checkpoint = step.adapters * checkpoint_bytes(part)};
}

}  // namespace factsweep::kshot
