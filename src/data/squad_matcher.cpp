// SQuAD's normalisation is lower -> drop punctuation -> replace the words a, an, the by a space ->
// join what white space separates by single spaces. A word is a maximal run of letters and numbers,
// with their marks: Python sees composed characters.
// All but the last word of a growing text is settled: the last one may still grow, also into an
// article ("th") or out of one ("the" -> "them").
#include "squad_matcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "factsweep/core/error.hpp"
#include "factsweep/core/utf8.hpp"
#include "letters.hpp"

namespace factsweep {
namespace {

/// What SQuAD's normalisation is in a language.
struct Form {
  LetterRules letters;
  bool unicode_punctuation = false;
  std::span<const std::u32string_view> articles;
};

constexpr std::u32string_view kEnglish[] = {U"a", U"an", U"the"};
constexpr std::u32string_view kGerman[] = {U"der", U"die",  U"das",   U"den",   U"dem",   U"des",
                                           U"ein", U"eine", U"einen", U"einem", U"einer", U"eines"};
constexpr std::u32string_view kDutch[] = {U"de", U"het", U"een"};
constexpr std::u32string_view kFrench[] = {U"le", U"la", U"les", U"un", U"une", U"des"};
constexpr std::u32string_view kSpanish[] = {U"el", U"la",  U"los",  U"las",
                                            U"un", U"una", U"unos", U"unas"};
constexpr std::u32string_view kItalian[] = {U"il", U"lo", U"la",  U"i",  U"gli",
                                            U"le", U"un", U"uno", U"una"};
constexpr std::u32string_view kPortuguese[] = {U"o",  U"a",   U"os",  U"as",
                                               U"um", U"uma", U"uns", U"umas"};

struct LanguageArticles {
  std::string_view language;
  std::span<const std::u32string_view> articles;
};
// Turkish and the others that factsweep knows by "none" have no articles of their own.
const std::array<LanguageArticles, 10> kLanguages = {{{"en", kEnglish},
                                                      {"de", kGerman},
                                                      {"nl", kDutch},
                                                      {"fr", kFrench},
                                                      {"es", kSpanish},
                                                      {"it", kItalian},
                                                      {"pt", kPortuguese},
                                                      {"tr", {}},
                                                      {"az", {}},
                                                      {"none", {}}}};

std::span<const std::u32string_view> articles_of(std::string_view language) {
  const auto found = std::find_if(kLanguages.begin(), kLanguages.end(),
                                  [&](const auto& one) { return one.language == language; });
  if (found == kLanguages.end())
    throw InputError(fmt::format("'{}' is no language whose articles are known.", language));
  return found->articles;
}

bool is_article(std::u32string_view word, std::span<const std::u32string_view> articles) {
  return std::find(articles.begin(), articles.end(), word) != articles.end();
}

bool may_become_article(std::u32string_view word, std::span<const std::u32string_view> articles) {
  return std::any_of(articles.begin(), articles.end(),
                     [&](auto article) { return article.starts_with(word); });
}

std::u32string without_punctuation(std::string_view text, const Form& form) {
  std::u32string letters = lower_case(letters_of(text, form.letters));
  std::erase_if(letters, form.unicode_punctuation ? is_punctuation : is_ascii_punctuation);
  return letters;
}

/// The normalised form of the settled part, and what follows it.
struct Reading {
  std::u32string settled;
  bool space = false;  // a space comes before the next character that is kept
  std::u32string_view
      last;  // the word at the very end, which may grow; empty when the text ends otherwise
};

bool needs_space(const Reading& reading, char32_t next) {
  return reading.space && !reading.settled.empty() && !is_unspaced(reading.settled.back()) &&
         !is_unspaced(next);
}

void keep(std::u32string_view piece, Reading& reading) {
  if (needs_space(reading, piece.front())) reading.settled += U' ';
  reading.space = false;
  reading.settled += piece;
}

Reading read(std::u32string_view letters, std::span<const std::u32string_view> articles) {
  Reading reading;
  for (std::size_t i = 0; i < letters.size();) {
    std::size_t end = i;
    while (end < letters.size() && is_word(letters[end])) ++end;
    const std::u32string_view word = letters.substr(i, end - i);
    if (end == letters.size()) {
      reading.last = word;
      break;
    }
    if (is_article(word, articles)) {
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

std::u32string SquadMatcher::normalised(std::string_view line) const {
  const Form form{letters_, unicode_punctuation_, articles_};
  const std::u32string letters = without_punctuation(line, form);
  Reading reading = read(letters, articles_);
  if (!reading.last.empty() && !is_article(reading.last, articles_)) keep(reading.last, reading);
  return reading.settled;
}

std::u32string squad_normalised(std::string_view line) {
  static const SquadMatcher english("", {}, "en");
  return english.normalised(line);
}

SquadMatcher::SquadMatcher(std::string_view gold, const LetterRules& letters,
                           std::string_view language)
    : letters_(letters),
      unicode_punctuation_(language != "en"),
      articles_(articles_of(language)),
      gold_(normalised(gold)) {}

Verdict SquadMatcher::judge_letters(std::u32string_view letters) const {
  const Reading reading = read(letters, articles_);
  const std::u32string_view gold = gold_;
  if (!gold.starts_with(reading.settled)) return Verdict::dead;
  const std::u32string_view rest = gold.substr(reading.settled.size());

  // After a space the gold answer must go on with one too, unless one of the two has nothing before
  // or after it.
  const bool at_break = reading.settled.empty() || rest.empty() || rest.front() == U' ' ||
                        is_unspaced(reading.settled.back()) || is_unspaced(rest.front());
  if (reading.last.empty()) {
    if (rest.empty()) return Verdict::matched;
    return !reading.space || at_break ? Verdict::possible : Verdict::dead;
  }
  if (rest.empty() && is_article(reading.last, articles_)) return Verdict::matched;
  const bool spaced = needs_space(reading, reading.last.front());
  if (!spaced || rest.starts_with(U' ')) {
    const std::u32string_view next = rest.substr(spaced ? 1 : 0);
    if (next == reading.last) return Verdict::matched;
    if (may_grow_into(reading.last, next)) return Verdict::possible;
  }
  return at_break && may_become_article(reading.last, articles_) ? Verdict::possible
                                                                 : Verdict::dead;
}

Verdict SquadMatcher::judge(std::string_view text) const {
  const std::size_t newline = text.find('\n');
  if (newline != text.npos) {
    const bool equal = normalised(text.substr(0, newline)) == gold_;
    return equal ? Verdict::matched : Verdict::dead;
  }
  // Bytes of an unfinished character say nothing yet, but an answer that ended inside one would not
  // match.
  const std::size_t unfinished = utf8_unfinished(text);
  const Verdict verdict = judge_letters(without_punctuation(
      text.substr(0, text.size() - unfinished), {letters_, unicode_punctuation_, articles_}));
  return unfinished > 0 && verdict == Verdict::matched ? Verdict::possible : verdict;
}

std::vector<std::string> match_languages() {
  std::vector<std::string> names;
  for (const LanguageArticles& one : kLanguages) names.emplace_back(one.language);
  return names;
}

}  // namespace factsweep
