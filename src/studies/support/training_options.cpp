#include "factsweep/studies/support/training_options.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/stage/common_options.hpp"
#include "factsweep/studies/support/lists.hpp"

namespace factsweep {
namespace {

// in the order of the enumerators
const std::vector<std::string> kLossMeans = {"token", "example", "microbatch"};
const std::vector<std::string> kDecays = {"constant", "linear", "cosine"};

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
  table.real("train.weight_decay", defaults.weight_decay, "1", 0, 10,
             "AdamW decoupled weight decay");
  table.real("train.gradient_clip", defaults.gradient_clip, "1", 0, 1e9,
             "largest global gradient norm; 0: no clipping");
  table.integer("train.warmup_steps", defaults.warmup_steps, "steps", 0, 1e9, "linear warm-up");
  table.choice("train.schedule", defaults.schedule, kDecays,
               "of the learning rate, after the warm-up; linear and cosine: to 0");
  table.choice("train.loss", defaults.loss, kLossMeans,
               "mean over all answer tokens of a batch; of the examples' means; or of the means of "
               "groups of train.microbatch_examples, in the order in which examples are drawn");
  table.integer("train.microbatch_examples", defaults.microbatch_examples, "examples", 1, 1 << 20,
                "a group of train.loss = microbatch; memory is train.microbatch_tokens' matter");
  table.integer("train.microbatch_tokens", "4096", "tokens", 1, 1 << 30,
                "tokens of one forward and backward pass; bounds the activation memory, and "
                "changes nothing else but rounding");

  declare_lora_options(table, defaults);

  table.choice("store.delta_dtype", defaults.delta_dtype, {"bfloat16", "float32"},
               "precision of stored deltas");
}

TrainSettings train_settings(const Deck& deck) {
  TrainSettings settings;
  settings.loss = static_cast<LossMean>(place_of(kLossMeans, deck.text("train.loss")));
  settings.microbatch_examples = deck.integer("train.microbatch_examples");
  settings.decay = static_cast<Decay>(place_of(kDecays, deck.text("train.schedule")));
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

double batch_size(const Deck& deck) {
  return static_cast<double>(deck.integer("train.batch_size"));
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

void refuse_lora_keys(const Deck& deck, const std::string& why) {
  for (const auto& [key, value] : deck.science({"lora."})) {
    if (!deck.is_default(key)) throw deck.error(key, "has no effect: " + why);
  }
}

std::string lora_place(const Deck& deck) {
  return deck.where("lora.targets") + ": lora.targets";
}

double update_flop(const Deck& deck) {
  return deck.text("model.dtype") == "bfloat16" ? 1000 : 300;
}

double double_flop(const Deck& deck) {
  return deck.text("model.dtype") == "bfloat16" ? 6 : 2;
}

}  // namespace factsweep
