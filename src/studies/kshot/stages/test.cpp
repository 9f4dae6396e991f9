// Stage "test": a task's test, answered by the base model or by an adapter of the bank.
#include <fmt/format.h>

#include "asking.hpp"
#include "factsweep/studies/support/training.hpp"
#include "stages.hpp"

namespace factsweep::kshot {
namespace {

struct Test {
  static constexpr const char* kind = "test";

  std::string model;             // fingerprint of its files
  std::string task, examples;    // a name, and a fingerprint of what is asked
  std::string asking;            // asking_fingerprint()
  std::string adapter;           // empty: the base model
  std::optional<Upstream> bank;  // the adapter's stage

  static void fields(auto& self, auto&& field) {
    field("model", self.model);
    field("task", self.task);
    field("examples", self.examples);
    field("asking", self.asking);
    field("adapter", self.adapter);
    field("bank", self.bank);
  }
  std::vector<std::string> deck_keys() const { return test_keys(); }

  void run(Worker& worker, StageRun& run) const {
    const TaskEntry& entry = worker.sets.task(task);
    if (!bank) {
      run.emit(kLossRose, std::uint8_t{0});
      return kshot::test(worker.base, entry, worker.sets, run);
    }
    const BankAdapter tested{adapter, *bank};
    if (!tested.is_usable(run)) return emit_no_test(worker.sets, run);
    run.emit(kLossRose, static_cast<std::uint8_t>(tested.loss_rose(run)));
    const LoraAdapter lora = tested.read(worker, run);
    kshot::test(adapted(worker.base, lora), entry, worker.sets, run);
  }
};

}  // namespace

const KindOf<Worker> kTest = kind<Worker, Test>();

Upstream add_test(Draft& draft, std::size_t task, std::size_t tested) {
  const auto known = draft.tests.find({task, tested});
  if (known != draft.tests.end()) return known->second;
  const TaskEntry& entry = draft.sets().tasks[task];
  Test test;
  test.model = draft.base.fingerprint;
  test.task = entry.name;
  test.examples = fingerprint(entry.test);
  test.asking = asking_fingerprint(entry);
  if (tested > 0) {
    const BankAdapter adapter = draft.bank.at(tested - 1);
    test.adapter = adapter.name;
    test.bank = adapter.stage;
  }
  const std::string title =
      fmt::format("test {} {}", entry.name, tested == 0 ? "base" : test.adapter);
  const Upstream stage = draft.builder
                             .add(test, title,
                                  {.flop = test_flop(draft, entry),
                                   .bytes = answer_bytes(draft, entry.test)})
                             .stage;
  for (const AnyColumn& column : test_columns(draft.sets()))
    draft.builder.place(stage, of_bank(column), {task, tested});
  draft.tests[{task, tested}] = stage;
  return stage;
}

}  // namespace factsweep::kshot
