// The deck as stages and points, and what each stage fills.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "ability.hpp"
#include "costs.hpp"
#include "datasets.hpp"
#include "editors.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/fingerprint.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "flearning.hpp"
#include "grid.hpp"

namespace factsweep::flearning {
namespace {

std::string fingerprint(const std::vector<TaskSet>& tasks) {
  std::uint64_t hash = 0;
  for (const TaskSet& task : tasks) {
    for (const TaskExample& example : task.examples)
      hash = hash_words({hash, hash_text(task.name), hash_text(example.instruction),
                         hash_text(example.input), hash_text(example.answer)});
  }
  return hex(hash);
}

/// Records that are not used, or not for everything.
std::vector<std::string> notes(const std::vector<EditCorpus>& corpora) {
  std::vector<std::string> lines;
  for (const EditCorpus& corpus : corpora) {
    for (const auto& [reason, count] : corpus.left_out)
      lines.push_back(fmt::format("{}: {} records: {}", corpus.path.string(), count, reason));
  }
  return lines;
}

struct Builder {
  const Deck& deck;
  const std::vector<EditCorpus>& corpora;
  std::map<std::string, ModelConfig> models;
  std::map<std::string, std::string> fingerprints;
  std::string text_hash;  // of edit.text
  std::string abilities;  // hash of ability.tasks
  std::uint64_t largest_set = 0, epochs = 0, layers = 0;
  std::vector<std::string> modules;
  std::vector<DatasetSpec> of_points;  // a row for each point
  Plan plan;

  std::optional<LoraConfig> lora_of(Tuning how) const {
    return how == Tuning::lora ? std::optional(stored_lora_config(deck)) : std::nullopt;
  }

  /// What all stages of one (model, data set, records, seed) have in common.
  Stage stage(const GridPoint& at, const std::string& kind, const std::string& detail) const {
    const EditCorpus& corpus = corpora[at.data_set];
    Stage result;
    result.kind = kind;
    result.title = fmt::format("{}{} {} {} n{} s{}", kind, detail, last_name(at.model), corpus.name,
                               at.records, at.seed);
    result.configuration = {{"model", fingerprints.at(at.model)},
                            {"directory", at.model},
                            {"dtype", deck.text("model.dtype")},
                            {"data_set", at.data_set},
                            {"records", at.records},
                            {"edits", corpus.fingerprint(at.records)},
                            {"seed", at.seed},
                            {"keys", deck.science({"flearning.", "store."})}};
    return result;
  }

  void training(Stage& stage, const GridPoint& at, const std::string& section, Tuning how) const {
    stage.configuration["how"] = name(how);
    stage.configuration["training"] = how == Tuning::lora
                                          ? deck.science({section + ".", "train.", "lora."})
                                          : deck.science({section + ".", "train."});
    const ModelConfig& model = models.at(at.model);
    stage.cost_flop += training_flop(deck, model, at, section, how);
    stage.memory_bytes = training_memory(deck, model, how);
  }

  /// A dataset of the stage alone.
  void own_output(std::size_t index, const std::string& name, DatasetSpec spec,
                  bool shared = false) {
    Stage& stage = plan.stages[index];
    stage.outputs.push_back({name, {whole(spec)}, shared});
    plan.datasets.push_back(std::move(spec));
  }

  void curve_outputs(std::size_t index, const std::string& section) {
    const std::string base = fmt::format("/tuning/{}/", plan.stages[index].key);
    const auto epochs_here = static_cast<std::uint64_t>(deck.integer(section + ".epochs"));
    own_output(index, "tuning_loss",
               {.path = base + "loss",
                .dtype = DType::float64,
                .shape = {epochs_here},
                .dimensions = {"epoch"},
                .units = "nat",
                .long_name = "training loss on the old answers"});
    own_output(index, "seconds",
               {.path = base + "seconds",
                .dtype = DType::float64,
                .shape = {1},
                .dimensions = {"one"},
                .units = "s",
                .long_name = "wall time of the training"},
               true);
  }

  /// "final/<tensor>" of the weights file.
  void weight_outputs(std::size_t index, const ModelConfig& model,
                      const std::optional<LoraConfig>& lora) {
    const std::string base = fmt::format("/deltas/{}/", plan.stages[index].key);
    if (lora) plan.datasets.push_back(adapter_config(base + kAdapterConfig, lora->json(model)));
    const DType dtype = delta_dtype(deck);
    for (const auto& [name, shape] :
         lora ? adapter_shapes(*lora, model, lora_place(deck)) : tensor_shapes(model)) {
      own_output(index, "final/" + name,
                 {.file = File::weights,
                  .path = base + "final/" + name,
                  .dtype = dtype,
                  .shape = {shape.begin(), shape.end()},
                  .long_name = lora ? "tensor of the LoRA adapter" : "weights minus those before"});
    }
  }

  /// Outputs that an evaluation fills; no places until a point asks for them.
  void evaluation(Stage& stage, const GridPoint& at) const {
    stage.configuration["abilities"] = abilities;
    stage.configuration["modules"] = modules;  // columns of /norms, in their order
    stage.cost_flop += evaluation_flop(models.at(at.model), at);
    for (const DatasetSpec& spec : of_points)
      stage.outputs.push_back({spec.path.substr(1), {}, false});
  }

  void add_places(std::size_t index, std::uint64_t point) {
    for (const DatasetSpec& spec : of_points) {
      for (Output& output : plan.stages[index].outputs) {
        if (output.name != spec.path.substr(1)) continue;
        std::vector<std::uint64_t> offset(spec.shape.size(), 0), count = spec.shape;
        offset[0] = point;
        count[0] = 1;
        output.places.push_back({File::results, spec.path, offset, count});
      }
    }
  }

  std::size_t original(const GridPoint& at) {
    Stage result = stage(at, "original", "");
    training(result, at, "original", Tuning::full);
    evaluation(result, at);
    const std::size_t before = plan.stages.size(), index = plan.add_stage(std::move(result));
    if (plan.stages.size() == before) return index;
    weight_outputs(index, models.at(at.model), std::nullopt);
    curve_outputs(index, "original");
    const EditCorpus& corpus = corpora[at.data_set];
    std::size_t longest = 0;
    for (std::size_t i = 0; i < at.records; ++i)
      longest = std::max(longest, corpus.records[i].locality_answer.size());
    // a token spells at least one byte, but for a marker of the text's begin
    own_output(index, "locality_predicted",
               {.path = fmt::format("/tuning/{}/locality_predicted", plan.stages[index].key),
                .dtype = DType::int32,
                .shape = {at.records, longest + 2},
                .dimensions = {"record", "token"},
                .units = "1",
                .long_name = "most likely tokens of the unrelated questions' answers; -1: none"});
    return index;
  }

  std::size_t delta(const GridPoint& at, std::size_t original, Tuning how) {
    Stage result = stage(at, "delta", fmt::format(" {}", name(how)));
    result.upstream = {original};
    training(result, at, "forget", how);
    const std::size_t before = plan.stages.size(), index = plan.add_stage(std::move(result));
    if (plan.stages.size() == before) return index;
    weight_outputs(index, models.at(at.model), lora_of(how));
    curve_outputs(index, "forget");
    return index;
  }

  std::size_t search(const GridPoint& at, std::size_t original, std::size_t delta) {
    Stage result =
        stage(at, "search", fmt::format(" {} {}", name(at.method->forget), at.forgetting.layers));
    result.upstream = {original, delta};
    result.configuration["forget"] = name(at.method->forget);
    result.configuration["layers"] = at.forgetting.layers;
    result.configuration["search"] = deck.science({"search."});
    const std::int64_t tries = deck.integer("search.evaluations");
    const auto tried = static_cast<std::uint64_t>(tries);
    result.cost_flop = search_flop(models.at(at.model), at, tries);
    const std::size_t before = plan.stages.size(), index = plan.add_stage(std::move(result));
    if (plan.stages.size() == before) return index;
    const std::string base = fmt::format("/search/{}/", plan.stages[index].key);
    own_output(index, "lambda",
               {.path = base + "lambda",
                .dtype = DType::float64,
                .shape = {1},
                .dimensions = {"one"},
                .units = "1",
                .long_name = "largest rate of forgetting found",
                .symbol = "lambda"},
               true);
    for (const char* name : {"tried_lambda", "tried_locality"})
      own_output(index, name,
                 {.path = base + name,
                  .dtype = DType::float64,
                  .shape = {tried},
                  .dimensions = {"evaluation"},
                  .units = "1",
                  .long_name = name});
    return index;
  }

  std::size_t second_moment(const GridPoint& at, std::size_t original,
                            const std::vector<std::int64_t>& wanted) {
    Stage result = stage(at, "second_moment", "");
    result.upstream = {original};
    result.configuration["text"] = text_hash;
    result.configuration["tokens"] = deck.integer("edit.text_tokens");
    result.configuration["layers"] = wanted;
    const ModelConfig& model = models.at(at.model);
    result.cost_flop = second_moment_flop(deck, model, wanted);
    const std::size_t before = plan.stages.size(), index = plan.add_stage(std::move(result));
    if (plan.stages.size() == before) return index;
    own_output(index, "tokens",
               {.path = fmt::format("/tuning/{}/tokens", plan.stages[index].key),
                .dtype = DType::int64,
                .shape = {1},
                .dimensions = {"one"},
                .units = "tokens",
                .long_name = "tokens of text whose keys the second moments are of"},
               true);
    const auto side = static_cast<std::uint64_t>(model.mlp_width);
    for (const std::int64_t layer : wanted) {
      own_output(index, fmt::format("layer{}", layer),
                 {.file = File::weights,
                  .path = fmt::format("/second_moments/{}/{}", plan.stages[index].key, layer),
                  .dtype = DType::float32,
                  .shape = {side, side},
                  .long_name = "uncentred second moment of the inputs of the MLP's output matrix"});
    }
    return index;
  }

  std::size_t tune(const GridPoint& at, std::size_t original) {
    const Method& how = *at.method;
    const bool searched = how.has_lambda() && std::isnan(at.forgetting.lambda);
    std::vector<std::size_t> upstream = {original};
    if (how.has_lambda()) upstream.push_back(delta(at, original, how.forget));
    if (searched) upstream.push_back(search(at, original, upstream.back()));
    Stage result = stage(at, how.learn == Tuning::none ? "forget" : "learn", "");
    result.title = fmt::format("{} {}", result.kind, make_point(at, corpora).id);
    result.upstream = upstream;
    if (how.has_lambda()) {
      result.configuration["forget"] = {{"how", name(how.forget)},
                                        {"layers", at.forgetting.layers}};
      if (!searched) result.configuration["forget"]["lambda"] = at.forgetting.lambda;
    }
    if (how.learn != Tuning::none) training(result, at, "learn", how.learn);
    evaluation(result, at);
    return leaf(std::move(result), at);
  }

  std::size_t edit(const GridPoint& at, std::size_t original) {
    Stage result = stage(at, "edit", "");
    result.title = fmt::format("edit {}", make_point(at, corpora).id);
    result.upstream = {original};
    const std::vector<std::int64_t> moments =
        second_moment_layers(deck, at.method->name, at.preset);
    if (!moments.empty()) result.upstream.push_back(second_moment(at, original, moments));
    result.configuration["method"] = at.method->name;
    result.configuration["preset"] = at.preset;
    // the text stands in the second moments' key
    result.configuration["edit"] = at.method->name == "ft_c"
                                       ? deck.science({"edit.ft_c_"})
                                       : deck.science({"edit.layers", "edit.records"});
    result.cost_flop = editing_flop(deck, models.at(at.model), at);
    evaluation(result, at);
    return leaf(std::move(result), at);
  }

  std::size_t leaf(Stage result, const GridPoint& at) {
    const std::size_t before = plan.stages.size(), index = plan.add_stage(std::move(result));
    const bool one_model = at.method->name != "rome_reset";
    if (plan.stages.size() > before && one_model && deck.text("store.deltas") == "final")
      weight_outputs(index, models.at(at.model), std::nullopt);
    return index;
  }

  void read_models() {
    std::vector<ModelConfig> all;
    for (const std::string& directory : model_directories(deck)) {
      const ModelConfig model = ModelConfig::read(directory);
      layers = std::max(layers, static_cast<std::uint64_t>(model.layers));
      plan.model_bytes = std::max(plan.model_bytes, model_bytes(deck, model));
      for (const std::string& range : deck.text_list("grid.layers"))
        LayerRange::parse(range, model.layers, deck.where("grid.layers") + ": grid.layers");
      fingerprints[directory] = model_fingerprint(directory);
      models.emplace(directory, model);
      all.push_back(model);
    }
    modules = module_names(all);
  }
};

}  // namespace

Plan FLearningExecutor::expand(const Deck& deck) {
  deck_ = std::make_unique<Deck>(deck);
  check_keys(deck);
  corpora_ = EditCorpus::read(deck);
  abilities_ = read_abilities(deck);
  const std::vector<GridPoint> points = grid_points(deck, corpora_);
  Builder builder{.deck = deck,
                  .corpora = corpora_,
                  .models = {},
                  .fingerprints = {},
                  .text_hash = {},
                  .abilities = fingerprint(abilities_),
                  .modules = {},
                  .of_points = {},
                  .plan = {}};
  builder.read_models();
  if (!deck.text("edit.text").empty())
    builder.text_hash = hex(hash_text(read_file(deck.text("edit.text"))));
  for (const GridPoint& at : points)
    builder.largest_set = std::max<std::uint64_t>(builder.largest_set, at.records);
  builder.epochs = static_cast<std::uint64_t>(deck.integer("learn.epochs"));
  Plan& plan = builder.plan;
  plan.study = "flearning";
  plan.notes = notes(corpora_);
  plan.axes = axes();
  plan.datasets = record_datasets(corpora_);
  for (DatasetSpec& spec :
       point_datasets({points.size(), builder.largest_set, builder.epochs, builder.layers,
                       builder.modules, ability_columns(abilities_)})) {
    if (spec.dimensions.front() == "point") builder.of_points.push_back(spec);
    plan.datasets.push_back(std::move(spec));
  }
  for (const GridPoint& at : points) {
    Point point = make_point(at, corpora_);
    const std::size_t original = builder.original(at);
    point.leaf = at.method->kind == Method::Kind::original ? original
                 : at.method->kind == Method::Kind::tune   ? builder.tune(at, original)
                                                           : builder.edit(at, original);
    builder.add_places(point.leaf, plan.points.size());
    plan.points.push_back(std::move(point));
  }
  return std::move(plan);
}

}  // namespace factsweep::flearning
