// Stage "bank": adapters of the bank, trained together, each on its own data set.
#include <algorithm>

#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/stage/table.hpp"
#include "factsweep/studies/support/training.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "factsweep/train/packed_trainer.hpp"
#include "learning.hpp"
#include "stages.hpp"

namespace factsweep::kshot {
namespace {

Column<std::int64_t> left_out_column(const std::string& adapter) {
  return bank_column<std::int64_t>(adapter, "left_out", "examples",
                                   "not learnt: the prompt alone is too long");
}

Column<std::int64_t> shortened_column(const std::string& adapter) {
  return bank_column<std::int64_t>(adapter, "shortened", "examples", "cut at the end");
}

Column<double> loss_column(const std::string& adapter) {
  auto column = bank_column<double>(adapter, "loss", "nat", "training loss by epoch");
  column.dimensions.emplace_back("epoch");
  return column;
}

/// Of an adapter that is trained, beside its tensors and whether it is usable.
std::vector<AnyColumn> bank_columns(const std::string& adapter) {
  return {failure_column(adapter), left_out_column(adapter), shortened_column(adapter),
          loss_column(adapter)};
}

struct BankTraining {
  static constexpr const char* kind = "bank";

  std::string model;                  // fingerprint of its files
  std::vector<std::string> adapters;  // names
  std::vector<std::string> data;      // [adapter] fingerprint of what it learns

  static void fields(auto& self, auto&& field) {
    field("model", self.model);
    field("adapters", self.adapters);
    field("data", self.data);
  }
  std::vector<std::string> deck_keys() const {
    return joined({learning_keys("bank"), {"bank.seed", "lora.", "store.delta_dtype"}});
  }

  PackedMember member(const std::string& name, const Worker& worker, StageRun& run) const {
    const Deck& deck = run.deck();
    const TaskSet& set = worker.sets.adapter(name).set;
    const std::uint64_t seed = hash_words({hash_text("bank"), hash_text(name),
                                           static_cast<std::uint64_t>(deck.integer("bank.seed"))});
    TrainingExamples lessons = lessons_of(set, worker.base, deck);
    run.emit(left_out_column(name),
             static_cast<std::int64_t>(set.examples.size() - lessons.examples.size()));
    run.emit(shortened_column(name), lessons.shortened);
    return {.start =
                LoraAdapter::create(lora_config(deck), worker.base.weights, seed, lora_place(deck)),
            .examples = std::move(lessons.examples),
            .settings = learning_settings("bank", seed, deck)};
  }

  void run(Worker& worker, StageRun& run) const {
    const Deck& deck = run.deck();
    std::vector<PackedMember> members;
    for (const std::string& name : adapters) members.push_back(member(name, worker, run));
    PackedTrainer trainer(worker.base.weights, std::move(members),
                          deck.integer("train.microbatch_tokens"));
    const LoopResult record = train(trainer, stage_loop(run));
    for (std::size_t m = 0; m < adapters.size(); ++m) {
      const std::string failure = trainer.failure(m);
      emit_adapter(run, adapters[m], trainer.adapter(m));
      run.emit(usable_column(adapters[m]), static_cast<std::uint8_t>(failure.empty()));
      run.emit(failure_column(adapters[m]), failure);
      run.emit_padded(loss_column(adapters[m]), record.loss[m]);
      const std::vector<double>& loss = record.loss[m];
      const bool rose =
          !loss.empty() && loss_rose(loss, worker.base.weights.config.vocabulary);
      run.emit(loss_rose_column(adapters[m]), static_cast<std::uint8_t>(rose));
    }
    remove_checkpoint(checkpoint_of(run.bench()));
  }
};

Upstream add_training(Draft& draft, const std::vector<std::size_t>& group) {
  BankTraining training;
  training.model = draft.base.fingerprint;
  std::string title;
  Lengths lengths;
  for (const std::size_t adapter : group) {
    const BankEntry& entry = draft.sets().bank[adapter];
    training.adapters.push_back(entry.name);
    training.data.push_back(fingerprint(entry.set));
    title += (title.empty() ? "bank " : ", ") + entry.name;
    lengths.add(draft.lengths_of(entry.set));
  }
  const auto together = static_cast<double>(group.size());
  const Cost cost =
      learning_cost(draft, "bank", lengths,
                    {.texts = batch_size(draft.deck()), .batches = together, .adapters = together});
  const Upstream stage = draft.builder.add(training, title, cost).stage;
  for (const std::size_t adapter : group) {
    place_adapter(draft, stage, adapter);
    draft.builder.place(stage, bank_columns(draft.sets().bank[adapter].name), {adapter});
  }
  return stage;
}

}  // namespace

const KindOf<Worker> kBank = kind<Worker, BankTraining>();

void declare_bank(Draft& draft) {
  PlanBuilder& builder = draft.builder;
  const std::vector<BankEntry>& bank = draft.sets().bank;
  if (bank.empty()) return;
  builder.dimension("adapter", bank.size());
  builder.dimension("/bank/epoch", static_cast<std::uint64_t>(draft.deck().integer("bank.epochs")));
  const std::vector<std::string> axes = {"adapter"};
  const Table<BankEntry> table = {
      {column<std::string>("/bank/name", axes, "", "adapter"), &BankEntry::name},
      {column<std::string>("/bank/task", axes, "", "task whose own expert it is"),
       [&](const BankEntry& entry) {
         return entry.task ? draft.sets().tasks[*entry.task].name : "";
       }},
      {column<std::int64_t>("/bank/examples", axes, "examples",
                            "examples it learnt; -1: brought by the user"),
       [](const BankEntry& entry) {
         return entry.is_brought() ? -1 : static_cast<std::int64_t>(entry.set.examples.size());
       }},
      {column<std::int64_t>("/bank/tested", axes, "examples",
                            "left out: asks what a test example asks"),
       &BankEntry::tested}};
  fill(builder, table, bank);
  builder.declare(std::vector<AnyColumn>{usable_column(""), loss_rose_column("")});
  builder.declare(bank_columns(""));
}

Bank add_bank(Draft& draft) {
  const std::vector<BankEntry>& entries = draft.sets().bank;
  std::vector<Upstream> stage_of(entries.size());
  std::vector<std::size_t> group;
  const auto train_group = [&] {
    if (group.empty()) return;
    const Upstream stage = add_training(draft, group);
    for (const std::size_t adapter : group) stage_of[adapter] = stage;
    group.clear();
  };
  const auto together = static_cast<std::size_t>(draft.deck().integer("bank.packed"));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].is_brought()) {
      stage_of[i] = add_adapter(draft, i);
    } else {
      group.push_back(i);
      if (group.size() == together) train_group();
    }
  }
  train_group();
  Bank bank;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto known = std::find(bank.stages.begin(), bank.stages.end(), stage_of[i]);
    bank.names.push_back(entries[i].name);
    bank.places.push_back(static_cast<std::uint64_t>(known - bank.stages.begin()));
    if (known == bank.stages.end()) bank.stages.push_back(stage_of[i]);
  }
  return bank;
}

}  // namespace factsweep::kshot
