// K-shot's deck keys.
#pragma once

#include <string>

#include "factsweep/deck/deck.hpp"
#include "factsweep/studies/support/abilities.hpp"

namespace factsweep::kshot {

void declare(OptionTable& table);
/// ability.* go by these keys of the study.
inline constexpr AbilityKeys kAbilityKeys = {"data.seed", "eval.batch_tokens", "data.bad_records"};

/// The template of kshot.template. InputError.
std::string prompts(const Deck& deck);

}  // namespace factsweep::kshot
