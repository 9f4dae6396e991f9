// F-Learning's deck keys.
#pragma once

#include "factsweep/deck/deck.hpp"

namespace factsweep::flearning {

void declare(OptionTable& table);

/// InputError: a key that contradicts another, or has no effect.
void check_keys(const Deck& deck);

}  // namespace factsweep::flearning
