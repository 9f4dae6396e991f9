// The deck keys of studies that train, and how they turn into settings.
#pragma once

#include <cstdint>
#include <string>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/core/array.hpp"
#include "factsweep/deck/deck.hpp"
#include "factsweep/stage/common_options.hpp"
#include "factsweep/train/trainer.hpp"

namespace factsweep {

/// What a study's papers say where they differ.
struct TrainingDefaults {
  std::string batch_size, dropout;
  std::string loss = "token", microbatch_examples = "1";
  std::string schedule = "constant", warmup_steps = "0", weight_decay = "0", gradient_clip = "0";
  std::string lora_rank = "16", lora_alpha = "32", lora_dropout = "0", lora_targets = "all-linear";
  std::string delta_dtype = "bfloat16";
};
/// train.* but for what a study has several of (learning rates, epochs), lora.* and
/// store.delta_dtype.
void declare_training_options(OptionTable& table, const TrainingDefaults& defaults);

/// train.* of the deck; the caller sets learning rate, epochs and seed.
TrainSettings train_settings(const Deck& deck);

/// train.batch_size, in examples.
double batch_size(const Deck& deck);

/// lora.* of the deck.
LoraConfig lora_config(const Deck& deck);
/// The same for a stored adapter, whose adapter_config.json names the base model (model.path).
LoraConfig stored_lora_config(const Deck& deck);
/// InputError: one of them is set, of a study that trains no LoRA; `why` says why not.
void refuse_lora_keys(const Deck& deck, const std::string& why);
/// "deck.ini:14: lora.targets", for messages of find_targets().
std::string lora_place(const Deck& deck);

/// What an optimizer step takes for each parameter that it trains, in FLOP of a pass in model.dtype
/// that take as long: it reads and writes memory, while products of bfloat16 are several times as fast.
double update_flop(const Deck& deck);

/// FLOP of a pass in model.dtype that take as long as one of products in float64.
double double_flop(const Deck& deck);

}  // namespace factsweep
