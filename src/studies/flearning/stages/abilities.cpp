// Stage "abilities": what a base model can do beside the records, for comparison.
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/support/models.hpp"
#include "stages.hpp"

namespace factsweep::flearning {
namespace {

struct OfBase : BaseAbilities {
  void run(Worker& worker, StageRun& run) const {
    worker.abilities.emit(run, Model::load(directory, parse_dtype(run.deck().text("model.dtype")),
                                           worker.device));
  }
};

}  // namespace

const KindOf<Worker> kAbilities = kind<Worker, OfBase>();

void add_abilities(PlanBuilder& builder, const Inputs& inputs) {
  const Abilities& abilities = inputs.worker.abilities;
  const std::vector<std::string> directories = model_directories(builder.deck()),
                                 names = model_names(builder.deck());
  abilities.fill(builder, names);
  if (!abilities.any()) return;
  for (std::size_t i = 0; i < directories.size(); ++i) {
    OfBase stage;
    stage.model = inputs.fingerprints.at(directories[i]);
    stage.directory = directories[i];
    add_base_abilities(builder, abilities, stage, names[i], inputs.models.at(directories[i]), i);
  }
}

}  // namespace factsweep::flearning
