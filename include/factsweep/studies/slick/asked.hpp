// What a sweep asks, exactly, and where its file has what models knew: for commands that show it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/data/question.hpp"
#include "factsweep/deck/deck.hpp"

namespace factsweep::slick {

/// "label", "train", "p_true".
std::vector<std::string> prompt_kinds();

/// The prompt of a kind to a question by a SliCK deck; `shots`: of labelling, `answer`: the one
/// that P(True) proposes.
std::string asked_prompt(const Deck& deck, std::string_view kind, std::span<const Question> shots,
                         const Question& question, std::string_view answer);

/// The group of the file with the labels of the deck's model of this name (model_names()).
/// InputError: the deck has none.
std::string labels_group(const Deck& deck, const std::string& model);

}  // namespace factsweep::slick
