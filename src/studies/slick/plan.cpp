// The deck as stages and points, and what each stage fills.
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <span>

#include "../fingerprint.hpp"
#include "datasets.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/studies/common_options.hpp"
#include "slick.hpp"

namespace factsweep::slick {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kTokensPerText = 28;  // a question with its answer, for cost estimates

std::string questions_hash(std::span<const Question> questions) {
  std::uint64_t hash = 0;
  for (const Question& q : questions)
    hash = hash_words({hash, hash_text(q.question), hash_text(q.answer)});
  return hex(hash);
}

/// One combination of axis values.
struct GridPoint {
  std::string variant;
  double unknown_ratio = kNone;
  std::string ratio_text;
  std::int64_t seed = 0;
  std::map<std::string, double> swept;
};

/// Swept keys that are whole numbers.
bool is_count(std::string_view key) {
  return key == "batch_size" || key == "lora_rank";
}

std::optional<std::int64_t> rank_of(const GridPoint& at) {
  const auto found = at.swept.find("lora_rank");
  if (found == at.swept.end()) return std::nullopt;
  return static_cast<std::int64_t>(found->second);
}

std::vector<GridPoint> grid_points(const Deck& deck, std::vector<std::string>& swept_keys) {
  std::vector<std::map<std::string, double>> combinations = {{}};
  for (const char* key : {"learning_rate", "batch_size", "dropout", "lora_rank"}) {
    const std::string grid_key = std::string("grid.") + key;
    std::vector<double> values;
    if (is_count(key)) {
      for (const std::int64_t value : deck.integer_list(grid_key))
        values.push_back(static_cast<double>(value));
    } else {
      values = deck.real_list(grid_key);
    }
    if (values.empty()) continue;
    swept_keys.push_back(key);
    std::vector<std::map<std::string, double>> longer;
    for (const auto& combination : combinations) {
      for (const double value : values) {
        longer.push_back(combination);
        longer.back()[key] = value;
      }
    }
    combinations = std::move(longer);
  }
  std::vector<GridPoint> points;
  for (const std::string& variant : deck.text_list("grid.variant")) {
    std::vector<double> ratios = {kNone};
    if (variant == "unknown_ratio" || variant == "known_only")
      ratios = deck.real_list("grid.unknown_ratio");
    if (variant == "idk") ratios = {deck.real("slick.idk_unknown_ratio")};
    for (const double ratio : ratios) {
      if (variant == "known_only" && ratio >= 1) continue;  // nothing is left of D
      for (const auto& swept : combinations) {
        for (const std::int64_t seed : deck.integer_list("grid.seed"))
          points.push_back({variant, ratio, fmt::format("{}", ratio), seed, swept});
      }
    }
  }
  return points;
}

struct Builder {
  const Deck& deck;
  const Corpus& corpus;
  const std::map<std::string, ExemplarSets>& exemplars;
  Plan plan;
  ModelConfig model;
  std::uint64_t sets = 0, samples = 0, epochs = 0;
  std::vector<std::size_t> label_stages;

  static Output rows_output(const std::string& name, const Chunk& chunk,
                            std::vector<std::uint64_t> inner, bool shared = false) {
    std::vector<std::uint64_t> offset = {chunk.first}, count = {chunk.count};
    for (const std::uint64_t extent : inner) {
      offset.push_back(0);
      count.push_back(extent);
    }
    return {name, {{File::results, "/labels/base/" + name, offset, count}}, shared};
  }

  void label_stage(std::size_t index, const nlohmann::json& settings) {
    const Chunk& chunk = corpus.chunks[index];
    Stage stage;
    stage.kind = "label";
    stage.title = fmt::format("label {} {} {}-{}", chunk.relation, factsweep::name(chunk.split),
                              chunk.first, chunk.first + chunk.count - 1);
    nlohmann::json exemplar_hash = 0;
    for (const auto& shots : exemplars.at(chunk.relation)) {
      for (const Question& shot : shots)
        exemplar_hash = hash_words(
            {exemplar_hash.get<std::uint64_t>(), hash_text(shot.question), hash_text(shot.answer)});
    }
    stage.configuration = {
        {"settings", settings},
        {"chunk", index},
        {"relation", chunk.relation},
        {"questions", questions_hash(std::span(corpus.rows).subspan(chunk.first, chunk.count))},
        {"exemplars", exemplar_hash}};
    const double work = static_cast<double>(chunk.count * sets);
    stage.cost_flop =
        work * (0.6 * kTokensPerText * model.flop_per_token() + 5 * model.head_flop_per_token());
    if (deck.text("label.estimator") == "sample")
      stage.cost_flop *= static_cast<double>(samples + 1) * 0.5;
    stage.outputs = {rows_output("category", chunk, {}, true),
                     rows_output("category_probability", chunk, {kCategories}),
                     rows_output("p_greedy", chunk, {}),
                     rows_output("p_sample", chunk, {}),
                     rows_output("p_exact", chunk, {}),
                     rows_output("greedy", chunk, {sets}),
                     rows_output("p", chunk, {sets}),
                     rows_output("pruned", chunk, {sets}),
                     rows_output("drawn", chunk, {sets}),
                     rows_output("near_ties", chunk, {})};
    if (deck.flag("label.keep_text"))
      stage.outputs.push_back(rows_output("text", chunk, {sets, samples + 1}));
    label_stages.push_back(plan.add_stage(std::move(stage)));
    if (chunk.split != Split::test || deck.text("label.p_true") == "off") return;
    Stage truth;
    truth.kind = "p_true";
    truth.title =
        fmt::format("p_true {} {}-{}", chunk.relation, chunk.first, chunk.first + chunk.count - 1);
    truth.configuration = {
        {"settings", settings},
        {"chunk", index},
        {"questions", questions_hash(std::span(corpus.rows).subspan(chunk.first, chunk.count))},
        {"p_true", deck.text("label.p_true")}};
    truth.cost_flop = static_cast<double>(chunk.count) * 2 * 60 * model.flop_per_token();
    truth.outputs = {rows_output("p_true", chunk, {})};
    plan.add_stage(std::move(truth));
  }

  /// Where the train stage's outputs go for one point.
  void add_places(Stage& stage, std::uint64_t point) {
    const std::uint64_t tested = corpus.rows.size() - corpus.train_rows;
    const auto place = [&](const std::string& name, std::vector<std::uint64_t> offset,
                           std::vector<std::uint64_t> count) {
      for (Output& output : stage.outputs) {
        if (output.name == name)
          return output.places.push_back(
              {File::results, "/" + name, std::move(offset), std::move(count)});
      }
      stage.outputs.push_back(
          {name, {{File::results, "/" + name, std::move(offset), std::move(count)}}, false});
    };
    for (const DatasetSpec& spec : plan.datasets) {
      const std::string name = spec.path.substr(1);
      if (name.starts_with("points/")) place(name, {point}, {1});
      if (name.starts_with("curves/") && name != "curves/epoch")
        place(name, {point, 0}, {1, epochs + 1});
      if (name.starts_with("predictions/correct")) place(name, {point, 0}, {1, tested});
      if (name == "variants/member") place(name, {point, 0}, {1, corpus.train_rows});
    }
  }

  void delta_outputs(std::size_t index, const std::optional<LoraConfig>& lora) {
    Stage& stage = plan.stages[index];
    const std::string deltas = deck.text("store.deltas");
    if (deltas == "none") return;
    const DType dtype = delta_dtype(deck);
    const std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors =
        lora ? adapter_shapes(*lora, model, lora_place(deck)) : tensor_shapes(model);
    if (lora) {
      plan.datasets.push_back(adapter_config(
          fmt::format("/deltas/{}/{}", stage.key, kAdapterConfig), lora->json(model)));
    }
    for (const char* when : {"early_stop", "final"}) {
      if (std::string_view(when) == "early_stop" && deltas == "final") continue;
      for (const auto& [name, shape] : tensors) {
        DatasetSpec spec;
        spec.file = File::weights;
        spec.path = fmt::format("/deltas/{}/{}/{}", stage.key, when, name);
        spec.dtype = dtype;
        spec.shape.assign(shape.begin(), shape.end());
        spec.long_name = lora ? "tensor of the LoRA adapter" : "fine-tuned minus base";
        stage.outputs.push_back({fmt::format("{}/{}", when, name), {whole(spec)}, false});
        plan.datasets.push_back(std::move(spec));
      }
    }
  }

  void train_stages(const std::vector<GridPoint>& points) {
    const double text_cost =
        kTokensPerText * model.flop_per_token() + 4 * model.head_flop_per_token();
    const double examples = static_cast<double>(
        deck.integer("slick.train_size") > 0 ? deck.integer("slick.train_size")
                                             : static_cast<std::int64_t>(corpus.train_rows / 10));
    const double probed =
        static_cast<double>(corpus.rows.size() - corpus.train_rows + corpus.dev_probe.size()) +
        examples;
    bool any_lora = false;
    for (std::size_t p = 0; p < points.size(); ++p) {
      const GridPoint& at = points[p];
      const std::optional<LoraConfig> lora = point_lora(deck, rank_of(at));
      any_lora = any_lora || lora;
      Stage stage;
      stage.kind = "train";
      stage.title = fmt::format("train {}", plan.points[p].id);
      stage.configuration = {{"mixture", Mixture::make(at.variant, at.unknown_ratio).to_json()},
                             {"seed", at.seed},
                             {"swept", at.swept},
                             {"dev", questions_hash(corpus.dev_probe)},
                             {"keys", training_keys(lora.has_value())}};
      stage.upstream = label_stages;
      // a frozen weight needs no gradient of its own, only that of its input
      const double passes = lora ? 2 : 3;
      stage.cost_flop =
          static_cast<double>(epochs) * text_cost * (passes * examples + 0.7 * probed);
      stage.memory_bytes = training_bytes(model, lora, lora_place(deck)) +
                           activation_bytes(deck, model, deck.integer("train.microbatch_tokens"));
      const std::size_t before = plan.stages.size();
      plan.points[p].leaf = plan.add_stage(std::move(stage));
      add_places(plan.stages[plan.points[p].leaf], p);
      if (plan.stages.size() > before) delta_outputs(plan.points[p].leaf, lora);
    }
    for (const auto& [key, value] : deck.science({"lora."})) {
      if (!deck.is_default(key) && !any_lora)
        throw deck.error(key,
                         "has no effect: no point trains with LoRA. Set train.method = lora or "
                         "grid.lora_rank, or leave it out");
    }
  }

  /// Every key that changes a training's result but not the labels.
  nlohmann::json training_keys(bool lora) const {
    return lora ? deck.science({"train.", "slick.", "store.", "lora."})
                : deck.science({"train.", "slick.", "store."});
  }

  void label_everything() {
    nlohmann::json settings = {{"model", model_fingerprint(deck.text("model.path"))},
                               {"dtype", deck.text("model.dtype")}};
    for (const auto& [key, value] : deck.science({"label."})) settings[key] = value;
    for (std::size_t index = 0; index < corpus.chunks.size(); ++index) label_stage(index, settings);
  }

  void axes(const std::vector<GridPoint>& points, const std::vector<std::string>& swept_keys) {
    plan.axes = {{"variant", "", "how D is made", "D"},
                 {"unknown_ratio", "fraction", "share of Unknown examples in D", "N_Unk/|D|"},
                 {"seed", "1", "seed", ""}};
    for (const std::string& key : swept_keys)
      plan.axes.push_back(
          {key, key == "batch_size" ? "examples" : "1", key, key == "lora_rank" ? "r" : ""});
    for (const GridPoint& at : points) {
      Point point;
      point.id = at.variant +
                 (std::isnan(at.unknown_ratio) || at.variant == "idk" ? "" : "-" + at.ratio_text);
      point.values = {at.variant, at.unknown_ratio, at.seed};
      for (const std::string& key : swept_keys) {
        point.id += fmt::format("-{}{}", key, at.swept.at(key));
        if (is_count(key))
          point.values.emplace_back(static_cast<std::int64_t>(at.swept.at(key)));
        else
          point.values.emplace_back(at.swept.at(key));
      }
      point.id += fmt::format("-s{}", at.seed);
      plan.points.push_back(std::move(point));
    }
  }
};

}  // namespace

const std::vector<std::string>& curve_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list = {"loss", "accuracy_dev", "accuracy_test", "accuracy_ood"};
    for (const char* set : {"accuracy_test_", "accuracy_ood_"}) {
      for (const char* category : kCategoryNames) list.push_back(std::string(set) + category);
    }
    list.insert(list.end(), {"answered_test", "answered_ood", "fitted", "fitted_known"});
    for (const char* category : kCategoryNames) list.push_back(std::string("fitted_") + category);
    return list;
  }();
  return names;
}

Plan SlickStudy::expand(const Deck& deck) {
  deck_ = std::make_unique<Deck>(deck);
  corpus_ = Corpus::read(deck);
  const LabelSettings settings = label_settings(deck);
  exemplars_.clear();
  for (const auto& [relation, dev] : corpus_.dev)
    exemplars_[relation] = draw_exemplars(relation, dev, settings);

  Builder builder{.deck = deck,
                  .corpus = corpus_,
                  .exemplars = exemplars_,
                  .plan = {},
                  .model = ModelConfig::read(deck.text("model.path")),
                  .sets = static_cast<std::uint64_t>(settings.sets),
                  .samples = static_cast<std::uint64_t>(settings.samples),
                  .epochs = static_cast<std::uint64_t>(deck.integer("train.epochs")),
                  .label_stages = {}};
  builder.plan.study = name();
  builder.plan.model_bytes = static_cast<double>(builder.model.parameters()) * weight_bytes(deck);
  builder.plan.datasets = label_datasets(deck, corpus_, exemplars_);
  builder.label_everything();
  if (deck.text("slick.stop_after") == "label") return std::move(builder.plan);
  std::vector<std::string> swept_keys;
  const std::vector<GridPoint> points = grid_points(deck, swept_keys);
  builder.axes(points, swept_keys);
  for (DatasetSpec& spec : point_datasets(corpus_, points.size(), builder.epochs)) {
    builder.plan.datasets.push_back(std::move(spec));
  }
  builder.train_stages(points);
  return std::move(builder.plan);
}

}  // namespace factsweep::slick
