// The deck keys that every study shares, and how they turn into settings.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/deck/deck.hpp"
#include "factsweep/train/trainer.hpp"

namespace factsweep {

/// run.*, model.*, data.*, train.*, lora.*, store.* and the axes of training.
void declare_common_options(OptionTable& table);

/// train.* of the deck; values swept by grid.* replace them point by point.
TrainSettings train_settings(const Deck& deck);

/// lora.* of the deck, where train.method = lora or the point's grid.lora_rank is above 0; nothing
/// for full fine-tuning.
std::optional<LoraConfig> lora_config(const Deck& deck,
                                      std::optional<std::int64_t> swept_rank = std::nullopt);
/// "deck.ini:14: lora.targets", for messages of find_targets().
std::string lora_place(const Deck& deck);

/// Memory of a training beyond the model itself and activations: leaves, masters, moments,
/// gradients. InputError: lora.targets matches nothing.
double training_bytes(const ModelConfig& model, const std::optional<LoraConfig>& lora,
                      bool bfloat16, const std::string& where);

/// The device of this process from run.device: "cpu", "cuda" (by local rank) or "auto".
/// EnvironmentError: cuda asked for and none there.
torch::Device choose_device(const std::string& name, int local_rank);

}  // namespace factsweep
