// Stage "augment": the open data that join the shots of a point (Sim-Div, equations 10 to 14).
#include <fmt/format.h>

#include <limits>

#include "../methods.hpp"
#include "factsweep/model/staging.hpp"
#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"
#include "stages.hpp"

namespace factsweep::kshot {
namespace {

const auto kLargestCosine =
    column<float>("/selection/similarity", {"point", "sample"}, "1", "largest cosine to a shot");
const auto kSelected = column<std::int64_t>("/points/selected_data", {"point"}, "examples",
                                            "open data that joined the shots", "|D_A|");

const std::vector<AnyColumn> kAugmentColumns = {kDataRows, kLargestCosine, kSelected};

struct Augment {
  static constexpr const char* kind = "augment";

  Shots shots;
  std::int64_t budget = 0;  // C
  std::string selection;    // grid.data_selection
  double tau = std::numeric_limits<double>::quiet_NaN();
  std::optional<std::uint64_t> seed;  // where draws decide
  Upstream shot_embeddings;           // of the largest draw
  std::vector<Upstream> pool_embeddings;
  std::int64_t drawn = 0;  // shots of the largest draw

  static void fields(auto& self, auto&& field) {
    Shots::fields(self.shots, field);
    field("budget", self.budget);
    field("selection", self.selection);
    field("tau", self.tau);
    field("seed", self.seed);
    field("shot_embeddings", self.shot_embeddings);
    field("pool_embeddings", self.pool_embeddings);
    field.local("drawn", self.drawn);
  }
  std::vector<std::string> deck_keys() const { return {}; }

  void run(Worker& worker, StageRun& run) const {
    const auto read = [&](Upstream stage) {
      const Array& array = run.input(stage, kEmbedding);
      return to_tensor(array, {static_cast<std::int64_t>(array.size())}).to(worker.base.device());
    };
    const torch::Tensor drawn_KD = read(shot_embeddings).view({drawn, -1});
    const torch::Tensor places_K = staged(shots.among(drawn, worker.sets), worker.base.device());
    std::vector<torch::Tensor> pool;
    for (const Upstream part : pool_embeddings)
      pool.push_back(read(part).view({-1, drawn_KD.size(1)}));
    DataSettings settings = data_settings(selection);
    settings.count = budget;
    if (has_tau(selection)) settings.tau = tau;
    if (seed) settings.seed = shots.key("open data", *seed);
    const DataChoice choice =
        choose_data(drawn_KD.index_select(0, places_K), CandidateEmbeddings::of(torch::cat(pool)),
                    settings, [&](double fraction) { run.step(fraction, 0); });
    std::vector<std::int64_t> rows;
    std::vector<float> similarity;
    for (const ChosenSample& sample : choice.samples) {
      rows.push_back(sample.index);
      similarity.push_back(static_cast<float>(sample.similarity));
    }
    run.emit(kSelected, static_cast<std::int64_t>(rows.size()));
    run.emit_padded(kDataRows, rows, std::int64_t{-1});
    run.emit_padded(kLargestCosine, similarity, std::numeric_limits<float>::quiet_NaN());
  }
};

}  // namespace

const KindOf<Worker> kAugment = kind<Worker, Augment>();

void declare_data(Draft& draft) {
  draft.builder.dimension("sample", static_cast<std::uint64_t>(draft.samples));
  draft.builder.declare(kAugmentColumns);
}

Upstream add_augment(Draft& draft, const GridPoint& at, std::uint64_t point) {
  Augment augment;
  augment.shots = at.drawn_shots(draft.sets());
  augment.budget = at.budget;
  augment.selection = at.selection;
  augment.tau = at.tau;
  if (is_drawn(at.selection)) augment.seed = static_cast<std::uint64_t>(at.seed);
  augment.shot_embeddings = add_shot_embeddings(draft, at.task, at.draw);
  augment.pool_embeddings = add_pool_embeddings(draft, draft.sets().tasks[at.task].pool.value());
  augment.drawn = draft.shots;
  const std::string title = fmt::format("augment {} draw {} k{} c{} {}", augment.shots.task,
                                        at.draw, at.shots, at.budget, at.selection);
  const Upstream stage = draft.builder.add(augment, title, {}).stage;
  draft.builder.place(stage, kAugmentColumns, {point});
  return stage;
}

}  // namespace factsweep::kshot
