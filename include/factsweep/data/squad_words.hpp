// Words of answers after SQuAD's normalisation, and how many of them two answers share (Rajpurkar
// et al. 2016, arXiv 1606.05250; its evaluate-v2.0.py).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace factsweep {

using SquadWords = std::vector<std::u32string>;  // in NFD

/// The words of the answer's first line, without case, ASCII punctuation and articles.
SquadWords squad_words(std::string_view answer);

/// Harmonic mean of the shares of each one's words that the other has, as often as both have them;
/// 1 where neither has a word.
double word_f1(const SquadWords& answer, const SquadWords& gold);

}  // namespace factsweep
