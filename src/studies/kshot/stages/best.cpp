// Stage "best": the adapter of the bank that is best on a task's test, and its test.
#include <stdexcept>

#include "asking.hpp"
#include "stages.hpp"

namespace factsweep::kshot {
namespace {

struct Best {
  static constexpr const char* kind = "best";

  Bank bank;                    // without abilities its names alone
  std::vector<Upstream> tests;  // [adapter]
  AbilityFields abilities;      // of the best one

  static void fields(auto& self, auto&& field) {
    field("bank", self.bank.names);
    field("tests", self.tests);
    AbilityFields::fields(self.abilities, field);
    if (!self.abilities.any()) return;
    field("bank_places", self.bank.places);
    field("bank_stages", self.bank.stages);
  }
  std::vector<std::string> deck_keys() const { return abilities.keys; }

  void run(Worker& worker, StageRun& run) const {
    std::size_t best = 0;
    double highest = -1;
    for (std::size_t i = 0; i < tests.size(); ++i) {
      const double accuracy = run.input(tests[i], kAccuracy).at(0);
      if (accuracy > highest) {  // of equals the first; NaN is never above
        highest = accuracy;
        best = i;
      }
    }
    if (highest < 0)
      throw std::runtime_error("no adapter of the bank is usable: all trainings diverged.");
    copy_test(tests[best], worker.sets, run);
    run.emit_padded(kExperts, {static_cast<std::int32_t>(best)});
    run.emit(asked_column(worker.sets), bank_group(bank.names[best]));
    if (abilities.any())
      worker.abilities.emit(run, adapted(worker.base, bank.at(best).read(worker, run)));
  }
};

}  // namespace

const KindOf<Worker> kBest = kind<Worker, Best>();

Upstream add_best(Draft& draft, std::size_t task) {
  const Abilities& abilities = draft.worker.abilities;
  Best best{draft.bank, {}, abilities.fields()};
  for (std::size_t tested = 1; tested <= draft.bank.size(); ++tested)
    best.tests.push_back(add_test(draft, task, tested));
  const Upstream stage = draft.builder
                             .add(best, "best " + draft.sets().tasks[task].name,
                                  {.flop = abilities.flop(draft.model)})
                             .stage;
  draft.builder.output(stage, kExperts);
  draft.builder.output(stage, asked_column(draft.sets()));
  output_test(draft, stage);
  return stage;
}

}  // namespace factsweep::kshot
