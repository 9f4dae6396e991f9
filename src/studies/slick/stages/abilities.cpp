// Stage "abilities": what a base model can do beside the questions, for comparison.
#include "factsweep/studies/support/models.hpp"
#include "stages.hpp"

namespace factsweep::slick {
namespace {

struct OfBase : BaseAbilities {
  void run(Worker& worker, StageRun& run) const {
    worker.use(directory);
    worker.abilities.emit(run, worker.model);
  }
};

}  // namespace

const KindOf<Worker> kAbilities = kind<Worker, OfBase>();

void add_abilities(const std::vector<Draft>& drafts) {
  PlanBuilder& builder = drafts.front().builder;
  const Abilities& abilities = drafts.front().worker.abilities;
  const std::vector<std::string> names = model_names(builder.deck());
  abilities.fill(builder, names);
  if (!abilities.any()) return;
  fill_sources(builder, abilities.left_out());
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    OfBase stage;
    stage.model = drafts[i].fingerprint;
    stage.directory = drafts[i].directory;
    add_base_abilities(builder, abilities, stage, names[i], drafts[i].model, i);
  }
}

}  // namespace factsweep::slick
