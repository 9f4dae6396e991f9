#include "gates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "factsweep/model/torch.hpp"
#include "factsweep/studies/support/training.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "factsweep/train/trainer.hpp"
#include "learning.hpp"

namespace factsweep::kshot {
namespace {

TrainSettings settings_of(std::size_t examples, std::uint64_t seed, const Deck& deck) {
  TrainSettings settings = train_settings(deck);
  settings.learning_rate = deck.real("phatgoose.learning_rate");
  const double an_epoch =
      std::ceil(static_cast<double>(examples) / static_cast<double>(settings.batch_size));
  const double steps = static_cast<double>(deck.integer("phatgoose.steps"));
  settings.epochs = std::max<std::int64_t>(1, std::llround(steps / an_epoch));
  settings.seed = seed;
  return settings;
}

}  // namespace

std::vector<std::string> gate_keys() {
  return learning_keys("phatgoose", "steps");
}

Cost gate_cost(const Draft& draft, const TaskSet& like, std::int64_t experts) {
  const Deck& deck = draft.deck();
  const double examples = static_cast<double>(experts * deck.integer("phatgoose.steps") *
                                              deck.integer("train.batch_size"));
  const Lengths lengths = draft.lengths_of(like);
  const TrainingMemory training =  // a gate has fewer weights than an adapter
      training_memory(deck, draft.model, draft.base.trained(deck, lora_config(deck)), lengths,
                      {.texts = batch_size(deck)});
  return {.flop = 2 * examples * lengths.mean() * draft.model.flop_per_token(),
          .bytes = training.most,
          .activations = training.activations};
}

TaskSet gate_lessons(const TaskSet& set, std::uint64_t seed, const Deck& deck) {
  const std::int64_t seen = deck.integer("phatgoose.steps") * deck.integer("train.batch_size");
  return draw(set, std::min(seen, static_cast<std::int64_t>(set.examples.size())), seed);
}

void GateTraining::learn(std::size_t i, std::vector<Example> lessons, std::uint64_t seed) {
  MoeExpert& expert = experts_.at(i);
  MoeAdapter gated =
      MoeAdapter::create({&expert, 1}, base_.weights, {.routing = Routing::gate, .top_k = 1});
  const TrainSettings settings = settings_of(lessons.size(), seed, run_.deck());
  Trainer trainer(moe_trainee(base_.weights, gated), std::move(lessons), settings);
  LoopOptions loop = stage_loop(run_);
  loop.checkpoint = checkpoint(i);
  loop.progress = [&](double fraction, std::int64_t tokens) {
    run_.step((static_cast<double>(i) + fraction) / static_cast<double>(experts_.size()), tokens);
  };
  const LoopResult record = train(trainer, loop);
  seconds_ += record.seconds;
  loss_rose_ = loss_rose_ ||
               factsweep::loss_rose(record.loss.front(), base_.weights.config.vocabulary);
  gated.assign(trainer.master());
  for (const MoeSlot& slot : gated.slots()) {
    for (std::size_t part = 0; part < slot.parts.size(); ++part)
      expert.gates[slot.parts[part].module] = slot.router[static_cast<std::int64_t>(part)].clone();
  }
}

void GateTraining::forget() const {
  for (std::size_t i = 0; i < experts_.size(); ++i) remove_checkpoint(checkpoint(i));
}

std::filesystem::path GateTraining::checkpoint(std::size_t i) const {
  const std::string stem = run_.bench().checkpoint_stem();
  return stem.empty() ? "" : fmt::format("{}-gates-{}.safetensors", stem, i);
}

}  // namespace factsweep::kshot
