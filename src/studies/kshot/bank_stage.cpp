// Stages of the bank: adapters trained together, adapters that users bring, how alike they are.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "factsweep/core/random.hpp"
#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/selection/diversity.hpp"
#include "factsweep/studies/support/training.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "factsweep/tasks/prompt.hpp"
#include "factsweep/train/packed_trainer.hpp"
#include "stage_run.hpp"

namespace factsweep::kshot {
void StageRun::bank() {
  const auto members = get<std::vector<std::string>>("adapters");
  std::vector<PackedMember> trained;
  for (const std::string& name : members) {
    const BankEntry& entry = sets_.bank[sets_.adapter(name)];
    PackedMember member;
    member.settings = train_settings(deck_);
    member.settings.learning_rate = deck_.real("bank.learning_rate");
    if (deck_.text("train.schedule") == "cosine") member.settings.final_learning_rate = 0;
    member.settings.epochs = deck_.integer("bank.epochs");
    member.settings.seed = hash_words({hash_text("bank"), hash_text(entry.name),
                                       static_cast<std::uint64_t>(deck_.integer("bank.seed"))});
    member.start = LoraAdapter::create(lora_config(deck_), base_.weights, member.settings.seed,
                                       lora_place(deck_));
    TrainingExamples lessons = lessons_of(entry.set);
    emit_count("left_out/" + name,
               static_cast<std::int64_t>(entry.set.examples.size() - lessons.examples.size()));
    emit_count("shortened/" + name, lessons.shortened);
    member.examples = std::move(lessons.examples);
    trained.push_back(std::move(member));
  }
  PackedTrainer trainer(base_.weights, std::move(trained),
                        deck_.integer("train.microbatch_tokens"));
  const LoopResult record =
      train(trainer, stage_loop(bench_, deck_.seconds("run.checkpoint_interval")));
  for (std::size_t m = 0; m < members.size(); ++m) {
    emit_adapter(members[m], trainer.adapter(m));
    const std::string failure = trainer.failure(m);
    bench_.emit("usable/" + members[m], Array::of(std::vector<std::uint8_t>{failure.empty()}));
    bench_.emit("failure/" + members[m], Array::of_text(std::vector{failure}, kLongestFailure));
    emit_row("loss/" + members[m], record.loss[m], std::numeric_limits<double>::quiet_NaN());
  }
  remove_checkpoint(checkpoint_of(bench_));
}

void StageRun::adapter() {
  const std::string name = get<std::vector<std::string>>("adapters").at(0);
  const BankEntry& entry = sets_.bank[sets_.adapter(name)];
  emit_adapter(name, LoraAdapter::load(entry.adapter, base_.weights));
  bench_.emit("usable/" + name, Array::of(std::vector<std::uint8_t>{1}));
}

void StageRun::emit_adapter(const std::string& member, const LoraAdapter& adapter) {
  const DType dtype = delta_dtype(deck_);
  for (const auto& [name, tensor] : adapter.named())
    bench_.emit(fmt::format("{}/{}", member, name), to_array(tensor, dtype));
}

std::size_t StageRun::bank_stage(std::size_t adapter) const {
  for (const std::size_t index : stage_.upstream) {
    const Stage& stage = plan_.stages[index];
    if (stage.kind != "bank" && stage.kind != "adapter") continue;
    const auto members = stage.configuration.at("adapters").get<std::vector<std::string>>();
    if (std::find(members.begin(), members.end(), sets_.bank[adapter].name) != members.end())
      return index;
  }
  throw BugError("kshot: the stage does not stand on that adapter");
}

bool StageRun::is_usable(std::size_t adapter) const {
  return bench_.input(bank_stage(adapter), "usable/" + sets_.bank[adapter].name)
             .as<std::uint8_t>()[0] == 1;
}

LoraAdapter StageRun::stored(std::size_t adapter) const {
  const BankEntry& entry = sets_.bank[adapter];
  const LoraConfig config = entry.is_brought()
                                ? LoraConfig::read(entry.adapter + "/adapter_config.json")
                                : lora_config(deck_);
  const std::size_t stage = bank_stage(adapter);
  NamedTensors tensors;
  for (const auto& [name, shape] :
       adapter_shapes(config, base_.weights.config, "bank: " + entry.name))
    tensors.emplace_back(
        name, to_tensor(bench_.input(stage, fmt::format("{}/{}", entry.name, name)), shape));
  return LoraAdapter::of(config, tensors, base_.weights, entry.name, entry.name);
}

void StageRun::similarity() {
  std::vector<LoraAdapter> adapters;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < sets_.bank.size(); ++i) {
    adapters.push_back(stored(i));
    names.push_back(sets_.bank[i].name);
  }
  DiversitySettings settings;
  settings.products = deck_.text("kshot.diversity") == "products";
  const AdapterSimilarity found = adapter_similarity(
      adapters, names, settings, [&](double fraction) { bench_.step(fraction, 0); });
  bench_.emit("bank/similarity", Array::of(found.cosine));
}

}  // namespace factsweep::kshot
