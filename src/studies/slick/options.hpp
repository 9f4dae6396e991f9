// SliCK's deck keys, and the settings that they make.
#pragma once

#include <string>

#include "factsweep/deck/deck.hpp"
#include "factsweep/label/labelling.hpp"
#include "variants.hpp"

namespace factsweep::slick {

void declare(OptionTable& table);

/// InputError: keys that contradict each other.
LabelSettings label_settings(const Deck& deck);
SizeRule size_rule(const Deck& deck);
/// What is between the fine-tuning prompt and the answer: "" or " ".
std::string answer_lead(const Deck& deck);

}  // namespace factsweep::slick
