// K-shot's deck keys.
#pragma once

#include <string>

#include "factsweep/deck/deck.hpp"

namespace factsweep::kshot {

void declare(OptionTable& table);

/// The template of kshot.template. InputError.
std::string prompts(const Deck& deck);

}  // namespace factsweep::kshot
