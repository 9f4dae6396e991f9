#include "labelled.hpp"

#include "label.hpp"

namespace factsweep::slick {

void Labelled::run(Worker& worker, StageRun& run) const {
  std::vector<std::uint8_t> all;
  for (const Upstream label : labels) {
    const std::vector<std::uint8_t> part = run.input(label, Label::category);
    all.insert(all.end(), part.begin(), part.end());
  }
  require(all.size() == worker.corpus.rows.size(), "labelled: not a label for every question");
  run.emit(Label::category, all);
}

Upstream add_labelled(PlanBuilder& builder, const Corpus& corpus, std::vector<Upstream> labels) {
  Labelled labelled;
  labelled.labels = std::move(labels);
  const Upstream stage = builder.add(labelled, "labelled", {}).stage;
  builder.place(stage, Label::category, {0}, corpus.rows.size());
  return stage;
}

}  // namespace factsweep::slick
