// SliCK's deck keys, and the settings that they make.
#pragma once

#include <string>

#include "factsweep/data/question_table.hpp"
#include "factsweep/deck/deck.hpp"
#include "factsweep/label/labelling.hpp"
#include "variants.hpp"

namespace factsweep::slick {

void declare(OptionTable& table);

/// InputError: keys that contradict each other.
LabelSettings label_settings(const Deck& deck);
SizeRule size_rule(const Deck& deck);
/// Of a data.facts that is a table. InputError: shares that are not three or do not add up to 1.
TableForm table_form(const Deck& deck);
/// InputError: a key of tables is set, and data.facts is none.
void check_no_table_keys(const Deck& deck);
/// What is between the fine-tuning prompt and the answer: "" or " ".
std::string answer_lead(const Deck& deck);

}  // namespace factsweep::slick
