// SliCK's deck keys, and the settings that they make.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "factsweep/data/prompts.hpp"
#include "factsweep/data/question_table.hpp"
#include "factsweep/deck/deck.hpp"
#include "factsweep/label/labelling.hpp"
#include "factsweep/studies/support/abilities.hpp"
#include "variants.hpp"

namespace factsweep::slick {

void declare(OptionTable& table);
/// ability.* go by these keys of the study.
inline constexpr AbilityKeys kAbilityKeys = {"label.seed", "label.batch_tokens"};

/// InputError: keys that contradict each other.
LabelSettings label_settings(const Deck& deck);
SizeRule size_rule(const Deck& deck);
/// When an answer is right, by kMatchKeys.
MatchRules match_rules(const Deck& deck);
inline const std::vector<std::string> kMatchKeys = {"label.match", "label.unicode", "label.accents",
                                                    "label.case", "data.language"};
/// data.overlap_filter and data.repeated, in the order of the enumerators, the latter after "auto".
inline const std::vector<std::string> kOverlapFilters = {"none", "subject", "entity"},
                                      kRepeatedQuestions = {"auto", "keep", "drop", "merge"};
/// Of a data.facts that is a table. InputError: shares that are not three or do not add up to 1.
TableForm table_form(const Deck& deck);
/// InputError: a key of tables is set, and data.facts is none.
void check_no_table_keys(const Deck& deck);
/// Bytes kept of each of so many answers, by store.answers; 0: they are not kept.
std::int64_t answer_bytes(const Deck& deck, double answers);
using PromptKeys = std::vector<std::string_view>;  // without "prompt."
inline const PromptKeys kLabelPrompts = {"shot", "label"}, kTrainPrompts = {"shot", "train", "idk"},
                        kPTruePrompts = {"p_true", "p_true_yes", "p_true_no"};
/// Those prompts, and no others: a stage names what it reads. InputError: see Prompts.
Prompts prompts(const Deck& deck, const PromptKeys& keys);
/// The keys as the deck has them.
std::vector<std::string> deck_names(const PromptKeys& keys);
/// What is between a fine-tuning prompt and the answer: "" or " ".
std::string answer_lead(const Deck& deck, const std::string& prompt);

}  // namespace factsweep::slick
