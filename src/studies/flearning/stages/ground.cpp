#include "ground.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/stage/common_options.hpp"
#include "factsweep/studies/support/memory.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "outcomes.hpp"
#include "stages.hpp"

namespace factsweep::flearning {
namespace {

TensorSource stored_delta(StageRun& run, Upstream upstream) {
  return [&run, upstream](const std::string& name, at::IntArrayRef shape) {
    return to_tensor(run.input(upstream, "final/" + name), shape);
  };
}

LoraAdapter stored_adapter(StageRun& run, Upstream upstream, const Weights& base) {
  const LoraConfig config = lora_config(run.deck());
  const std::string place = "theta_delta_old";
  NamedTensors tensors;
  for (const auto& [name, shape] : adapter_shapes(config, base.config, lora_place(run.deck())))
    tensors.emplace_back(name, to_tensor(run.input(upstream, "final/" + name), shape));
  return LoraAdapter::of(config, tensors, base, place, place).clone(torch::kFloat32);
}

}  // namespace

std::span<const EditRecord> Ground::records(const Worker& worker) const {
  return std::span(worker.corpora.at(data_set).records).first(count);
}

bool Ground::has_portability(const Worker& worker) const {
  return worker.corpora.at(data_set).has_portability();
}

std::vector<std::string> Forgetting::deck_keys() const {
  return lora ? std::vector<std::string>{"lora."} : std::vector<std::string>();
}

double Forgetting::rate(StageRun& run) const {
  return search ? run.input(*search, kLambda).at(0) : lambda;
}

std::vector<WeightTerm> start_terms(StageRun& run, const Ground& ground, const Weights& base,
                                    const Forgetting& forgetting, double rate) {
  std::vector<WeightTerm> list;
  if (!ground.untrained) list.push_back({.delta = stored_delta(run, *ground.original)});
  if (!forgetting.delta) return list;
  WeightTerm forgotten{
      .factor = -rate,
      .range = LayerRange::parse(forgetting.layers, base.config.layers, "grid.layers")};
  if (forgetting.lora)
    forgotten.adapter = stored_adapter(run, *forgetting.delta, base);
  else
    forgotten.delta = stored_delta(run, *forgetting.delta);
  list.push_back(std::move(forgotten));
  return list;
}

TextTokens TextTokens::of(const Deck& deck, const std::string& model, const EditCorpus& corpus) {
  constexpr std::size_t kSample = 200;
  const std::size_t template_bytes = training_prompt(deck, "").size();
  std::vector<std::string> texts;
  for (const EditRecord& record :
       std::span(corpus.records).first(std::min(kSample, corpus.records.size())))
    texts.push_back(training_prompt(deck, record.prompt) + " " + record.target_new);
  TextTokens tokens{{}, 1 / characters_per_token(model, texts)};
  for (const EditRecord& record : corpus.records) {
    const double answer = static_cast<double>(1 + record.target_new.size()) * tokens.per_character;
    const double prompt =
        static_cast<double>(template_bytes + record.prompt.size()) * tokens.per_character;
    tokens.lengths.add(Lengths::of(prompt + answer, answer + 1));
  }
  return tokens;
}

Ground Draft::ground(std::optional<Upstream> original) const {
  return {.fingerprint = base().fingerprint,
          .edits = corpus().fingerprint(at.records),
          .abilities = inputs.abilities,
          .seed = static_cast<std::uint64_t>(at.seed),
          .original = original,
          .directory = at.model,
          .data_set = at.data_set,
          .count = at.records,
          .untrained = !trains_original(deck(), corpus(), at)};
}

bool trains_original(const Deck& deck, const EditCorpus& corpus, const GridPoint& at) {
  const auto asked = std::span(corpus.records).first(at.records);
  return deck.flag("original.train") &&
         std::any_of(asked.begin(), asked.end(),
                     [](const EditRecord& record) { return !record.target_old.empty(); });
}

std::optional<LoraConfig> left_adapter(const Deck& deck, const EditCorpus& corpus,
                                       const GridPoint& at) {
  const std::int64_t terms = at.method->low_rank_terms();
  if (terms == 0 || trains_original(deck, corpus, at)) return std::nullopt;
  LoraConfig config = stacked_form(lora_config(deck), terms);
  config.base_model = at.model;
  return config;
}

std::string Draft::title(const std::string& what) const {
  return fmt::format("{} {} {} n{} s{}", what, at.model_name,
                     corpus().name, at.records, at.seed);
}

std::string Draft::point_title(const std::string& kind) const {
  return kind + " " + id_of(axes(inputs.worker.corpora), at);
}

double Draft::model_bytes() const {
  return base().parameters * weight_bytes(deck());
}

double Draft::start_flop() const {
  return 2 * update_flop(deck()) * base().parameters;
}

double Draft::forward_flop() const {
  return static_cast<double>(at.records) *
         (lengths().mean() * model().flop_per_token() +
          lengths().mean_answer() * model().head_flop_per_token());
}

double Draft::evaluation_flop() const {
  std::size_t texts = 0;
  for (const EditRecord& record : std::span(corpus().records).first(at.records)) {
    const std::size_t answers = accepted(record.target_old, record.old_aliases).size() + 1 +
                                record.new_aliases.size();
    texts += answers * (1 + record.rephrasings.size()) + record.unrelated.size();
    for (const EditQuestion& question : record.portability) texts += question.answers.size();
  }
  return static_cast<double>(texts) / static_cast<double>(at.records) * forward_flop();
}

double Draft::evaluation_bytes() const {
  const auto together = static_cast<double>(deck().integer("flearning.batch_tokens"));
  return asking_bytes(deck(), model(), lengths().pass(kAllTexts, together));
}

double Draft::start_bytes() const {
  const bool is_base = !at.method->has_lambda() && !trains_original(deck(), corpus(), at);
  return is_base ? 0 : merging_bytes(model());
}

std::vector<AnyColumn> Draft::columns(bool abilities) const {
  std::vector<AnyColumn> all = evaluation_columns(deck(), corpus().has_portability());
  if (!abilities) return all;
  return joined({std::move(all), inputs.worker.abilities.any_columns()});
}

void Draft::place_row(Upstream stage, const std::vector<AnyColumn>& columns) const {
  builder.place(stage, columns, {row});
}

void Draft::place_changes(Upstream stage, const std::optional<LoraConfig>& adapter,
                          const std::string& no_adapter) const {
  place_weights(builder, stage, {"final"}, base(), adapter, "weights minus those before",
                no_adapter);
}

std::optional<DType> Draft::kept() const {
  if (!at.method->leaves_weights() || keeping.when(left_adapter().has_value()).empty())
    return std::nullopt;
  return delta_dtype(deck());
}

}  // namespace factsweep::flearning
