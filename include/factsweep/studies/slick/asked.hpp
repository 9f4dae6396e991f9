// What a sweep asks, exactly: for commands that show it.
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

}  // namespace factsweep::slick
