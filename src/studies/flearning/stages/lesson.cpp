#include "lesson.hpp"

#include <algorithm>
#include <cmath>

#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/support/memory.hpp"
#include "factsweep/studies/support/training.hpp"
#include "factsweep/studies/support/training_options.hpp"

namespace factsweep::flearning {
namespace {

std::string learning_rate_key(const Lesson& lesson) {
  return lesson.section + (lesson.lora ? ".lora_learning_rate" : ".learning_rate");
}

}  // namespace

std::vector<std::string> Lesson::deck_keys() const {
  return joined({{"model.dtype", "flearning.train_template", "flearning.answer_end", "train.",
                  "run.checkpoint_interval", section + ".epochs", learning_rate_key(*this)},
                 lora ? std::vector<std::string>{"lora."} : std::vector<std::string>()});
}

Cost Lesson::cost(const Draft& draft) const {
  const Deck& deck = draft.deck();
  // a frozen weight needs no gradient of its own, only that of its input
  const double passes = lora ? 2 : 3;
  std::optional<LoraConfig> adapter;
  if (lora) adapter = lora_config(deck);
  const TrainedPart& part = draft.base().trained(deck, adapter);
  const TrainingMemory training =
      training_memory(deck, draft.model(), part, draft.lengths(), {.texts = batch_size(deck)});
  // to make masters of the weights, and to compare and write what they have become
  constexpr double kUpdatesBeside = 3;
  const double epochs = static_cast<double>(deck.integer(section + ".epochs"));
  const double steps = std::ceil(static_cast<double>(draft.at.records) /
                                 static_cast<double>(deck.integer("train.batch_size")));
  const double updates = lora ? 0 : epochs * steps + kUpdatesBeside;
  Cost cost{.flop = epochs * passes * draft.forward_flop() +
                    updates * update_flop(deck) * draft.base().parameters,
            .bytes = training.most,
            .activations = training.activations,
            .checkpoint = checkpoint_bytes(part)};
  cost.also(std::max(draft.start_bytes(), draft.evaluation_bytes()));
  return cost;
}

torch::Dtype Lesson::start_dtype(const Deck& deck) const {
  return lora ? parse_dtype(deck.text("model.dtype")) : torch::kFloat32;
}

Taught teach(StageRun& run, const Lesson& lesson, std::uint64_t seed, Model start,
             std::span<const EditRecord> records) {
  const Deck& deck = run.deck();
  TrainSettings settings = train_settings(deck);
  settings.learning_rate = deck.real(learning_rate_key(lesson));
  settings.epochs = deck.integer(lesson.section + ".epochs");
  settings.seed = hash_words({hash_text(lesson.section), seed});
  const Answer answer = lesson.section == "learn" ? Answer::new_one : Answer::old_one;
  std::vector<Example> examples = training_examples(deck, start, records, answer);
  Taught taught;
  Trainee trainee;
  if (lesson.lora) {
    taught.adapter =
        LoraAdapter::create(lora_config(deck), start.weights, settings.seed, lora_place(deck));
    trainee = Trainee::lora(start.weights, *taught.adapter);
  } else {
    taught.weights = start.weights;
    start.weights = Weights();
    trainee = Trainee::full(taught.weights, parse_dtype(deck.text("model.dtype")));
  }
  Trainer trainer(std::move(trainee), std::move(examples), settings);
  taught.record = train(trainer, stage_loop(run));
  taught.model = start.with(trainer.weights());
  if (lesson.lora) {
    taught.adapter = taught.adapter->clone(torch::kFloat32);
    taught.adapter->assign(trainer.master());
  }
  return taught;
}

void place_record(PlanBuilder& builder, Upstream stage, const Lesson& lesson) {
  const std::int64_t epochs = builder.deck().integer(lesson.section + ".epochs");
  builder.dimension("/tuning/" + builder.stage(stage).key + "/epoch",
                    static_cast<std::uint64_t>(epochs));
  builder.place(stage, kOldLoss);
  builder.place(stage, kOldSeconds);
}

void emit_record(StageRun& run, const LoopResult& record) {
  run.emit(kOldLoss, record.loss.front());
  run.emit(kOldSeconds, record.seconds);
}

void emit_loss_rose(StageRun& run, const ModelConfig& model, const Ground& ground,
                    const std::optional<Upstream>& delta, const std::vector<double>& own) {
  bool rose = !own.empty() && loss_rose(own, model.vocabulary);
  const auto add = [&](const std::optional<Upstream>& training) {
    rose = rose || (training && loss_rose(run.input(*training, kOldLoss), model.vocabulary));
  };
  if (!ground.untrained) add(ground.original);
  add(delta);
  run.emit(kLossRose, static_cast<std::uint8_t>(rose));
}

}  // namespace factsweep::flearning
