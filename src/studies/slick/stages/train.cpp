#include "train.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <map>

#include "../grid.hpp"
#include "../options.hpp"
#include "../variants.hpp"
#include "factsweep/label/probe.hpp"
#include "factsweep/studies/support/lists.hpp"
#include "factsweep/studies/support/memory.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "factsweep/studies/support/weight_outputs.hpp"
#include "training_columns.hpp"

namespace factsweep::slick {
namespace {

/// Every dataset that trainings fill, and the lengths of their axes.
void declare_columns(PlanBuilder& builder, const Corpus& corpus, const Abilities& abilities,
                     std::int64_t answer_bytes) {
  const auto epochs = static_cast<std::size_t>(builder.deck().integer("train.epochs"));
  const std::size_t tests = corpus.rows.size() - corpus.train_rows;
  builder.dimension("epoch", epochs + 1);
  builder.dimension("/predictions/question", tests);
  builder.dimension("/variants/question", corpus.train_rows);
  builder.fill(column<std::int64_t>("/curves/epoch", {"epoch"}, "epochs", "epochs done"),
               numbers(0, epochs + 1));
  const auto row = [](const std::string& folder) {
    return column<std::int64_t>(folder + "row", {"question"}, "1", "row in /labels/base");
  };
  builder.fill(row("/predictions/"), numbers(static_cast<std::int64_t>(corpus.train_rows), tests));
  builder.fill(row("/variants/"), numbers(0, corpus.train_rows));
  builder.declare(point_columns(builder.deck(), abilities, answer_bytes));
}

std::optional<LoraConfig> lora_of(const Deck& deck, bool lora, std::optional<std::int64_t> rank) {
  if (!lora) return std::nullopt;
  LoraConfig config = lora_config(deck);
  if (rank) config.rank = *rank;
  return config;
}

/// All that the cost of a training depends on but its model: of 10^5 trainings few differ in it.
struct Size {
  bool lora = false;
  std::optional<std::int64_t> lora_rank, batch_size;
  double patch_share = 0;

  explicit Size(const Train& train)
      : lora(train.lora), lora_rank(train.lora_rank), batch_size(train.batch_size) {
    const Mixture mixture = Mixture::from_json(train.mixture);
    if (mixture.patch) patch_share = mixture.patch->share;
  }
  auto operator<=>(const Size&) const = default;
};

Cost cost_of(const Draft& draft, const Size& size) {
  constexpr double kAsked = 5;  // epochs that are the best so far, and the last
  const Deck& deck = draft.deck();
  const Corpus& corpus = draft.worker.corpus;
  const ModelConfig& model = draft.model;
  const std::int64_t wanted = deck.integer("slick.train_size");
  const auto examples =
      (wanted > 0 ? static_cast<double>(wanted) : static_cast<double>(corpus.train_rows / 10)) *
      (1 + size.patch_share);
  const double probed =
      static_cast<double>(corpus.rows.size() - corpus.train_rows + corpus.dev_probe.size()) +
      examples;
  // a frozen weight needs no gradient of its own, only that of its input
  const double passes = size.lora ? 2 : 3;
  const Lengths& lengths = draft.lengths;
  const double per_text =
      lengths.mean() * model.flop_per_token() + lengths.mean_answer() * model.head_flop_per_token();
  const TrainedPart& part = draft.base.trained(deck, lora_of(deck, size.lora, size.lora_rank));
  const TrainingMemory training = training_memory(
      deck, model, part, lengths.first(examples),
      {.texts = size.batch_size ? static_cast<double>(*size.batch_size) : batch_size(deck)});
  // the base model, which other stages ask
  const double beside = part.lora ? 0 : weight_bytes(deck) * draft.base.parameters;
  const double asking = asking_bytes(
      deck, model, lengths.pass(probed, static_cast<double>(ProbeSettings().batch_tokens)));
  Cost cost{.flop = static_cast<double>(deck.integer("train.epochs")) * per_text *
                        (passes * examples + 0.7 * probed) +
                    kAsked * draft.worker.abilities.flop(model),
            .bytes = beside + training.most,
            .activations = training.activations,
            .checkpoint = checkpoint_bytes(part)};
  cost.also(beside + training.between + asking);
  return cost;
}

/// Where no question has several answers, all are taught by teaching the first.
bool teaches_all_answers(const Deck& deck, const Corpus& corpus) {
  const auto train_end = corpus.rows.begin() + static_cast<std::ptrdiff_t>(corpus.train_rows);
  return deck.text("data.taught_answers") == "all" &&
         std::any_of(corpus.rows.begin(), train_end,
                     [](const Question& q) { return !q.aliases.empty(); });
}

/// `train`: what all trainings share.
Train training_of(const Deck& deck, const GridPoint& at, bool all_answers, Train train) {
  Mixture mixture = Mixture::make(at.variant, at.unknown_ratio, at.patch);
  mixture.all_answers = all_answers;
  train.mixture = mixture.to_json();
  train.seed = static_cast<std::uint64_t>(at.seed);
  train.lora = at.lora_rank ? *at.lora_rank > 0 : deck.text("train.method") == "lora";
  train.learning_rate = at.learning_rate;
  train.dropout = at.dropout;
  train.batch_size = at.batch_size;
  train.lora_rank = at.lora_rank;
  return train;
}

}  // namespace

const KindOf<Worker> kTrain = kind<Worker, Train>();

std::vector<std::string> Train::deck_keys() const {
  return joined({{"train.", "slick.", "errors.fine_tuned", "run.checkpoint_interval"},
                 lora ? std::vector<std::string>{"lora."} : std::vector<std::string>(),
                 abilities.keys,
                 deck_names(kTrainPrompts),
                 kMatchKeys});
}

std::optional<LoraConfig> Train::lora_config(const Deck& deck) const {
  return lora_of(deck, lora, lora_rank);
}

void add_trainings(const std::vector<Draft>& drafts, const std::vector<Upstream>& labelled) {
  PlanBuilder& builder = drafts.front().builder;
  const Deck& deck = builder.deck();
  const Corpus& corpus = drafts.front().worker.corpus;
  const std::vector<GridPoint> points = grid_points(deck);
  const std::vector<AxisOf<GridPoint>> all_axes = axes(deck);
  add_points(builder, all_axes, points);
  const std::int64_t kept = answer_bytes(
      deck,
      static_cast<double>(kWhen.size() * points.size() * (corpus.rows.size() - corpus.train_rows)));
  const Abilities& abilities = drafts.front().worker.abilities;
  declare_columns(builder, corpus, abilities, kept);
  Train shared{.dev = drafts.front().questions_hash(corpus.dev_probe),
               .answer_bytes = kept,
               .abilities = abilities.fields()};
  const bool all_answers = teaches_all_answers(deck, corpus);
  const std::vector<AnyColumn> columns = point_columns(deck, abilities, kept);
  Keeping keeping(deck);
  struct Made {
    Upstream stage;
    Train train;
    const Draft& draft;
  };
  std::vector<Made> made;  // each training once
  std::map<std::pair<std::size_t, Size>, Cost> costs;  // by model
  bool any_lora = false;
  for (std::size_t point = 0; point < points.size(); ++point) {
    const GridPoint& at = points[point];
    const Draft& draft = drafts[at.model];
    shared.labelled = labelled[at.model];
    shared.directory = draft.base.directory;
    const Train train = training_of(deck, at, all_answers, shared);
    any_lora = any_lora || train.lora;
    const auto [cost, is_first] = costs.try_emplace({at.model, Size(train)});
    if (is_first) cost->second = cost_of(draft, cost->first.second);
    const auto [stage, is_new] = builder.add(train, "train " + id_of(all_axes, at), cost->second);
    builder.place(stage, columns, {point});
    if (at.patch) builder.place(stage, patch_columns(), {point});
    builder.leaf(point, stage);
    keeping.add(deck, draft.base, train.lora_config(deck), is_new);
    if (is_new) made.push_back({stage, train, draft});
  }
  keeping.tell(builder);
  for (auto& [stage, train, draft] : made) {
    train.kept = keeping.when(train.lora);
    if (train.kept.empty()) continue;
    train.kept_dtype = delta_dtype(deck);
    builder.local(stage, train);
    std::optional<LoraConfig> lora = train.lora_config(deck);
    if (lora) lora->base_model = draft.base.directory;
    place_weights(builder, stage, train.kept, draft.base, lora, "fine-tuned minus base");
  }
  if (!any_lora)
    refuse_lora_keys(deck,
                     "no point trains with LoRA. Set train.method = lora or grid.lora_rank, "
                     "or leave it out");
}

}  // namespace factsweep::slick
