// Stage "labelled": what all label stages found, in one place. Trainings stand on it alone: 10^4 of
// them on 400 label stages each would be 4 x 10^6 edges.
#include "stages.hpp"

namespace factsweep::slick {
namespace {

struct Labelled {
  static constexpr const char* kind = "labelled";

  std::vector<Upstream> labels;  // of all rows, in their order

  static void fields(auto& self, auto&& field) { field("labels", self.labels); }
  std::vector<std::string> deck_keys() const { return {}; }

  /// Emits kCategory of all rows: the same values in the same place, but as one output.
  void run(Worker& worker, StageRun& run) const {
    std::vector<std::uint8_t> all;
    for (const Upstream label : labels) {
      const std::vector<std::uint8_t> part = run.input(label, kCategory);
      all.insert(all.end(), part.begin(), part.end());
    }
    require(all.size() == worker.corpus.rows.size(), "labelled: not a label for every question");
    run.emit(kCategory, all);
  }
};

}  // namespace

const KindOf<Worker> kLabelled = kind<Worker, Labelled>();

Upstream add_labelled(const Draft& draft, std::vector<Upstream> labels) {
  const Upstream stage =
      draft.builder.add(Labelled{std::move(labels)}, draft.titled("labelled"), {}).stage;
  draft.builder.place(stage, draft.of_model(kCategory), {0}, draft.worker.corpus.rows.size());
  return stage;
}

}  // namespace factsweep::slick
