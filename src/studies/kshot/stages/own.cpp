// Stage "own": the test of the task's own expert, which a point asks for.
#include <fmt/format.h>

#include <stdexcept>

#include "asking.hpp"
#include "stages.hpp"

namespace factsweep::kshot {
namespace {

struct Own {
  static constexpr const char* kind = "own";

  BankAdapter expert;
  Upstream tested;
  AbilityFields abilities;

  static void fields(auto& self, auto&& field) {
    BankAdapter::fields(self.expert, field);
    field("test", self.tested);
    AbilityFields::fields(self.abilities, field);
  }
  std::vector<std::string> deck_keys() const { return abilities.keys; }

  void run(Worker& worker, StageRun& run) const {
    if (!expert.is_usable(run))
      throw std::runtime_error(fmt::format("the training of the bank's adapter '{}' failed: {}",
                                           expert.name, expert.failure(run)));
    copy_test(tested, worker.sets, run);
    if (abilities.any())
      worker.abilities.emit(run, adapted(worker.base, expert.read(worker, run)));
  }
};

}  // namespace

const KindOf<Worker> kOwn = kind<Worker, Own>();

Upstream add_own(Draft& draft, std::size_t task) {
  const std::size_t adapter = draft.sets().expert_of(task).value();
  const Abilities& abilities = draft.worker.abilities;
  const Own own{draft.bank.at(adapter), add_test(draft, task, 1 + adapter), abilities.fields()};
  const Upstream stage = draft.builder
                             .add(own, "own " + draft.sets().tasks[task].name,
                                  {.flop = abilities.flop(draft.model)})
                             .stage;
  output_test(draft, stage);
  return stage;
}

}  // namespace factsweep::kshot
