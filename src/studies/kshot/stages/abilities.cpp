// Stage "abilities": what the base model can do beside the tasks, for comparison.
#include <filesystem>

#include "stages.hpp"

namespace factsweep::kshot {
namespace {

struct OfBase : BaseAbilities {
  void run(Worker& worker, StageRun& run) const { worker.abilities.emit(run, worker.base); }
};

}  // namespace

const KindOf<Worker> kAbilities = kind<Worker, OfBase>();

void add_abilities(Draft& draft) {
  const Abilities& abilities = draft.worker.abilities;
  const std::filesystem::path directory = draft.deck().text("model.path");
  const std::string name = (directory / "").parent_path().filename().string();
  abilities.fill(draft.builder, {name});
  draft.builder.declare(abilities.any_columns());
  if (!abilities.any()) return;
  OfBase stage;
  stage.model = draft.fingerprint;
  draft.base_abilities = add_base_abilities(draft.builder, abilities, stage, name, draft.model, 0);
}

void place_abilities(Draft& draft, Upstream stage, std::uint64_t point) {
  draft.builder.place(stage, draft.worker.abilities.any_columns(), {point});
}

}  // namespace factsweep::kshot
