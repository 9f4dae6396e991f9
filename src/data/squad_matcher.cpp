// SQuAD's normalisation is lower -> drop punctuation -> replace the words a, an, the by a space ->
// join what white space separates by single spaces. A word is a maximal run of letters and numbers,
// with their marks: Python sees composed characters.
// All but the last word of a growing text is settled: the last one may still grow, also into an
// article ("th") or out of one ("the" -> "them").
#include "squad_matcher.hpp"

#include <algorithm>
#include <array>

#include "factsweep/core/utf8.hpp"
#include "letters.hpp"

namespace factsweep {
namespace {

constexpr std::array<std::u32string_view, 3> kArticles = {U"a", U"an", U"the"};

bool is_article(std::u32string_view word) {
  return std::find(kArticles.begin(), kArticles.end(), word) != kArticles.end();
}

bool may_become_article(std::u32string_view word) {
  return std::any_of(kArticles.begin(), kArticles.end(),
                     [&](auto article) { return article.starts_with(word); });
}

std::u32string without_punctuation(std::string_view text) {
  std::u32string letters = lower_case(decomposed(text));
  std::erase_if(letters, is_ascii_punctuation);
  return letters;
}

/// The normalised form of the settled part, and what follows it.
struct Reading {
  std::u32string settled;
  bool space = false;  // a space comes before the next character that is kept
  std::u32string_view
      last;  // the word at the very end, which may grow; empty when the text ends otherwise
};

void keep(std::u32string_view piece, Reading& reading) {
  if (reading.space && !reading.settled.empty()) reading.settled += U' ';
  reading.space = false;
  reading.settled += piece;
}

Reading read(std::u32string_view letters) {
  Reading reading;
  for (std::size_t i = 0; i < letters.size();) {
    std::size_t end = i;
    while (end < letters.size() && is_word(letters[end])) ++end;
    const std::u32string_view word = letters.substr(i, end - i);
    if (end == letters.size()) {
      reading.last = word;
      break;
    }
    if (is_article(word)) {
      reading.space = true;
    } else if (!word.empty()) {
      keep(word, reading);
    }
    if (is_space(letters[end])) {
      reading.space = true;
    } else {
      keep(letters.substr(end, 1), reading);
    }
    i = end + 1;
  }
  return reading;
}

}  // namespace

std::u32string squad_normalised(std::string_view line) {
  const std::u32string letters = without_punctuation(line);
  Reading reading = read(letters);
  if (!reading.last.empty() && !is_article(reading.last)) keep(reading.last, reading);
  return reading.settled;
}

SquadMatcher::SquadMatcher(std::string_view gold) : gold_(squad_normalised(gold)) {}

Verdict SquadMatcher::judge_letters(std::u32string_view letters) const {
  const Reading reading = read(letters);
  const std::u32string_view gold = gold_;
  if (!gold.starts_with(reading.settled)) return Verdict::dead;
  const std::u32string_view rest = gold.substr(reading.settled.size());

  // After a space the gold answer must go on with one too, unless one of the two has nothing before
  // or after it.
  const bool at_break = reading.settled.empty() || rest.empty() || rest.front() == U' ';
  if (reading.last.empty()) {
    if (rest.empty()) return Verdict::matched;
    return !reading.space || at_break ? Verdict::possible : Verdict::dead;
  }
  if (rest.empty() && is_article(reading.last)) return Verdict::matched;
  const bool needs_space = reading.space && !reading.settled.empty();
  if (!needs_space || rest.starts_with(U' ')) {
    const std::u32string_view next = rest.substr(needs_space ? 1 : 0);
    if (next == reading.last) return Verdict::matched;
    if (may_grow_into(reading.last, next)) return Verdict::possible;
  }
  return at_break && may_become_article(reading.last) ? Verdict::possible : Verdict::dead;
}

Verdict SquadMatcher::judge(std::string_view text) const {
  const std::size_t newline = text.find('\n');
  if (newline != text.npos) {
    const bool equal = squad_normalised(text.substr(0, newline)) == gold_;
    return equal ? Verdict::matched : Verdict::dead;
  }
  // Bytes of an unfinished character say nothing yet, but an answer that ended inside one would not
  // match.
  const std::size_t unfinished = utf8_unfinished(text);
  const Verdict verdict =
      judge_letters(without_punctuation(text.substr(0, text.size() - unfinished)));
  return unfinished > 0 && verdict == Verdict::matched ? Verdict::possible : verdict;
}

}  // namespace factsweep
