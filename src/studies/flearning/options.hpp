// F-Learning's deck keys.
#pragma once

#include <string>

#include "factsweep/deck/deck.hpp"
#include "factsweep/model/config.hpp"

namespace factsweep::flearning {

void declare(OptionTable& table);

/// InputError: a key that contradicts another, or has no effect.
void check_keys(const Deck& deck);
/// InputError: an editor of the deck would edit a layer that the model has not.
void check_layers(const Deck& deck, const ModelConfig& model, const std::string& name);

}  // namespace factsweep::flearning
