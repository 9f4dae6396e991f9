#include "factsweep/studies/support/training_options.hpp"

#include <fmt/format.h>

#include <functional>
#include <numeric>

#include "factsweep/core/error.hpp"
#include "factsweep/stage/common_options.hpp"

namespace factsweep {
namespace {

void declare_lora_options(OptionTable& table, const TrainingDefaults& defaults) {
  table.integer("lora.rank", defaults.lora_rank, "1", 1, 65536, "r of an adapted module's B A");
  table.real("lora.alpha", defaults.lora_alpha, "1", 0, 1e6, "B A is scaled by alpha / rank");
  table.flag("lora.rslora", "false", "scale by alpha / sqrt(rank) instead (arXiv 2312.03732)");
  table.real("lora.dropout", defaults.lora_dropout, "1", 0, 0.95,
             "on what A reads; train.dropout acts beside it");
  table.choice("lora.bias", "none", {"none", "all", "lora_only"},
               "which of the model's biases are trained too: none, all, those of adapted modules");
  table.texts("lora.targets", defaults.lora_targets,
              "adapted modules by the ends of their names, as q_proj, v_proj; all-linear: every "
              "linear layer of the blocks");
}

}  // namespace

void declare_training_options(OptionTable& table, const TrainingDefaults& defaults) {
  table.integer("train.batch_size", defaults.batch_size, "examples", 1, 1 << 20,
                "examples an optimizer step");
  table.real("train.dropout", defaults.dropout, "1", 0, 0.95,
             "on the embeddings and on both residual branches of every layer");
  table.real("train.beta1", "0.9", "1", 0, 0.999999, "AdamW first-moment decay");
  table.real("train.beta2", "0.999", "1", 0, 0.9999999, "AdamW second-moment decay");
  table.real("train.epsilon", "1e-8", "1", 1e-20, 1, "AdamW denominator");
  table.real("train.weight_decay", "0", "1", 0, 10,
             "AdamW decoupled weight decay (the papers do not state one)");
  table.real("train.gradient_clip", "0", "1", 0, 1e9,
             "largest global gradient norm; 0: no clipping");
  table.integer("train.warmup_steps", "0", "steps", 0, 1e9, "linear warm-up");
  table.integer("train.microbatch_tokens", "4096", "tokens", 1, 1 << 30,
                "tokens of one forward and backward pass; bounds the activation memory");

  declare_lora_options(table, defaults);

  table.choice("store.delta_dtype", defaults.delta_dtype, {"bfloat16", "float32"},
               "precision of stored deltas");
}

TrainSettings train_settings(const Deck& deck) {
  TrainSettings settings;
  settings.batch_size = deck.integer("train.batch_size");
  settings.dropout = deck.real("train.dropout");
  settings.beta1 = deck.real("train.beta1");
  settings.beta2 = deck.real("train.beta2");
  settings.epsilon = deck.real("train.epsilon");
  settings.weight_decay = deck.real("train.weight_decay");
  settings.gradient_clip = deck.real("train.gradient_clip");
  settings.warmup_steps = deck.integer("train.warmup_steps");
  settings.microbatch_tokens = deck.integer("train.microbatch_tokens");
  return settings;
}

LoraConfig lora_config(const Deck& deck) {
  LoraConfig config;
  config.rank = deck.integer("lora.rank");
  config.alpha = deck.real("lora.alpha");
  config.rslora = deck.flag("lora.rslora");
  config.dropout = deck.real("lora.dropout");
  config.bias = parse_lora_bias(deck.text("lora.bias"), deck.where("lora.bias") + ": lora.bias");
  config.targets.names = deck.text_list("lora.targets");
  if (config.targets.names == std::vector<std::string>{"all-linear"})
    config.targets = {.all_linear = true, .names = {}, .pattern = {}};
  return config;
}

LoraConfig stored_lora_config(const Deck& deck) {
  LoraConfig config = lora_config(deck);
  config.base_model = deck.text("model.path");
  return config;
}

std::string lora_place(const Deck& deck) {
  return deck.where("lora.targets") + ": lora.targets";
}

double training_bytes(const ModelConfig& model, const std::optional<LoraConfig>& lora,
                      const std::string& where) {
  // a master copy and two moments in float32; weight and gradient share 4 more bytes in bfloat16,
  // and in float32 the weight is the master copy
  const double bytes = 4 * 4;
  if (!lora) return bytes * static_cast<double>(model.parameters());
  double parameters = 0;
  for (const auto& [name, shape] : adapter_shapes(*lora, model, where)) {
    parameters += static_cast<double>(
        std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
  }
  return bytes * parameters;
}

double activation_bytes(const Deck& deck, const ModelConfig& model, std::int64_t tokens) {
  return static_cast<double>(tokens * model.layers) *
         static_cast<double>(20 * model.width + 6 * model.mlp_width) * weight_bytes(deck);
}

}  // namespace factsweep
