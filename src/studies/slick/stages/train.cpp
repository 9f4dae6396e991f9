#include "train.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "../costs.hpp"
#include "../variants.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "factsweep/studies/support/weight_outputs.hpp"
#include "label.hpp"
#include "training_columns.hpp"

namespace factsweep::slick {
namespace {

std::vector<std::int64_t> numbers(std::uint64_t first, std::uint64_t last) {
  std::vector<std::int64_t> list;
  for (std::uint64_t i = first; i < last; ++i) list.push_back(static_cast<std::int64_t>(i));
  return list;
}

}  // namespace

std::vector<std::string> Train::deck_keys() const {
  std::vector<std::string> keys = {
      "train.", "slick.", "store.", "label.match", "run.checkpoint_interval", "lora."};
  if (!lora) keys.pop_back();
  return keys;
}

std::vector<std::string> Train::kept_weights(const Deck& deck) {
  const std::string deltas = deck.text("store.deltas");
  if (deltas == "none") return {};
  return deltas == "final" ? std::vector<std::string>{"final"}
                           : std::vector<std::string>{"early_stop", "final"};
}

std::optional<LoraConfig> Train::lora_config(const Deck& deck) const {
  if (!lora) return std::nullopt;
  LoraConfig config = factsweep::lora_config(deck);
  if (lora_rank) config.rank = *lora_rank;
  return config;
}

void declare_training_columns(PlanBuilder& builder, const Worker& worker) {
  const Corpus& corpus = worker.corpus;
  const auto epochs = static_cast<std::uint64_t>(builder.deck().integer("train.epochs"));
  builder.dimension("epoch", epochs + 1);
  builder.dimension("/predictions/question", corpus.rows.size() - corpus.train_rows);
  builder.dimension("/variants/question", corpus.train_rows);
  builder.fill(column<std::int64_t>("/curves/epoch", {"epoch"}, "epochs", "epochs done"),
               numbers(0, epochs + 1));
  builder.fill(column<std::int64_t>("/predictions/row", {"question"}, "1", "row in /labels/base"),
               numbers(corpus.train_rows, corpus.rows.size()));
  builder.fill(column<std::int64_t>("/variants/row", {"question"}, "1", "row in /labels/base"),
               numbers(0, corpus.train_rows));
  builder.declare(point_columns());
}

bool add_training(PlanBuilder& builder, const Corpus& corpus, const TrainingInputs& inputs,
                  const GridPoint& at, std::uint64_t point, const std::string& id) {
  const Deck& deck = builder.deck();
  const ModelConfig& model = inputs.model;
  Train train;
  train.labelled = inputs.labelled;
  train.mixture = Mixture::make(at.variant, at.unknown_ratio).to_json();
  train.dev = inputs.dev;
  train.seed = static_cast<std::uint64_t>(at.seed);
  train.lora = at.lora_rank ? *at.lora_rank > 0 : deck.text("train.method") == "lora";
  train.learning_rate = at.learning_rate;
  train.dropout = at.dropout;
  train.batch_size = at.batch_size;
  train.lora_rank = at.lora_rank;

  const std::int64_t wanted = deck.integer("slick.train_size");
  const auto examples =
      wanted > 0 ? static_cast<double>(wanted) : static_cast<double>(corpus.train_rows / 10);
  const double probed =
      static_cast<double>(corpus.rows.size() - corpus.train_rows + corpus.dev_probe.size()) +
      examples;
  // a frozen weight needs no gradient of its own, only that of its input
  const double passes = train.lora ? 2 : 3;
  const double per_text = kTokensPerText * model.flop_per_token() + 4 * model.head_flop_per_token();
  const double batch_tokens =
      static_cast<double>(at.batch_size.value_or(deck.integer("train.batch_size"))) *
      kTokensPerText;
  const double pass_tokens =
      std::min(batch_tokens, static_cast<double>(deck.integer("train.microbatch_tokens")));
  const double activations =
      activation_bytes(deck, model, pass_tokens, kAnswerTokens / kTokensPerText);
  const Cost cost{.flop = static_cast<double>(deck.integer("train.epochs")) * per_text *
                          (passes * examples + 0.7 * probed),
                  .bytes = training_bytes(deck, model, train.lora_config(deck), batch_tokens) +
                           activations,
                  .activations = activations,
                  .checkpoint = checkpoint_bytes(deck, model, train.lora_config(deck))};
  const auto [stage, is_new] = builder.add(train, "train " + id, cost);
  builder.place(stage, point_columns(), {point});
  if (is_new) {
    std::optional<LoraConfig> lora = train.lora_config(deck);
    if (lora) lora->base_model = deck.text("model.path");
    place_weights(builder, stage, Train::kept_weights(deck), model, lora, "fine-tuned minus base",
                  inputs.base);
  }
  builder.leaf(point, stage);
  return train.lora;
}

}  // namespace factsweep::slick
