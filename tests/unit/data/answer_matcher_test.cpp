// AnswerMatcher: the three rules, and that "dead" is said as early as possible but never too early.
#include "factsweep/data/answer_matcher.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/data/squad_words.hpp"

using namespace factsweep;

namespace {

Verdict judge(std::string_view rule, std::string_view gold, std::string_view text) {
  return AnswerMatcher::make(rule, gold)->judge(text);
}

bool matches(std::string_view rule, std::string_view gold, std::string_view text) {
  return AnswerMatcher::make(rule, gold)->matches(text);
}

std::string any(const std::vector<std::string>& choices, CounterRandom& random) {
  return choices[random.below(choices.size())];
}

const std::vector<std::string> kWords = {"Paris",        "the",        "The",
                                         "an",           "A",          "a",
                                         "theme",        "Anna",       "th",
                                         "U.S.",         "x",          "O'Neill",
                                         "\u00c9tat",    "\u0130zmir", "\u039f\u0394\u039f\u03a3",
                                         "\u6771\u4eac", "\u2013",     "1,000",
                                         "\U0001d11e"};

std::string random_answer(CounterRandom& random) {
  std::string answer;
  const std::uint64_t count = 1 + random.below(4);
  for (std::uint64_t i = 0; i < count; ++i) answer += (i == 0 ? "" : " ") + any(kWords, random);
  return answer;
}

/// Another way to write `answer` that the SQuAD normalisation undoes.
std::string disguised(const std::string& answer, CounterRandom& random) {
  const std::vector<std::string> breaks = {" ",   "  ",    "\t",     " the ",
                                           " A ", " an. ", "\u00a0", " ' "};
  const std::vector<std::string> marks = {".", ",", "\"", "!", "-", "_"};
  std::string text = any({"", " ", "The ", "..."}, random);
  for (const char c : answer) {
    const bool ascii = (c & 0x80) == 0;
    const bool letter = ascii && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
    // Punctuation may be between any two characters, but not between the bytes of one.
    if (ascii && random.below(4) == 0) text += any(marks, random);
    if (c == ' ') {
      text += any(breaks, random);
    } else {
      text += letter && random.below(3) == 0 ? static_cast<char>(c ^ 0x20) : c;
    }
  }
  return text + any({"", ".", " ", " the", "\r"}, random);
}

void check_all_prefixes(const AnswerMatcher& matcher, const std::string& text) {
  REQUIRE(matcher.matches(text));
  for (std::size_t length = 0; length < text.size(); ++length) {
    if (matcher.judge(std::string_view(text).substr(0, length)) != Verdict::dead) continue;
    INFO("prefix of " << length << " bytes of '" << text << "'");
    REQUIRE(false);
  }
}

}  // namespace

TEST_CASE("strict compares what is between white space", "[data]") {
  CHECK(judge("strict", "New York", "") == Verdict::possible);
  CHECK(judge("strict", "New York", " \tNew") == Verdict::possible);
  CHECK(judge("strict", "New York", "New ") == Verdict::possible);
  CHECK(judge("strict", "New York", " New York") == Verdict::matched);
  CHECK(judge("strict", "New York", " New York \r") == Verdict::matched);
  CHECK(judge("strict", "New York", "New  York") == Verdict::dead);
  CHECK(judge("strict", "New York", "new") == Verdict::dead);
  CHECK(judge("strict", "New York", "New York.") == Verdict::dead);
  CHECK(judge("strict", "New York", "New York\nQ: Where") == Verdict::matched);
  CHECK(judge("strict", "New York", "New\n York") == Verdict::dead);
  CHECK(judge("strict", "New York", "\nNew York") == Verdict::dead);
  CHECK(judge("strict", "\u00c9tat", "\xc3") == Verdict::possible);
  // these two bytes begin a no-break space, and no other answer
  CHECK(judge("strict", "Paris", "Paris\xc2") == Verdict::possible);
  CHECK(judge("strict", "Paris", "Paris\xc2\n") == Verdict::dead);
}

TEST_CASE("white space is Unicode's, and answers are compared in NFC", "[data]") {
  const std::string composed = "Jos\u00e9", apart = "Jose\u0301";
  for (const char* rule : {"strict", "squad", "contains"}) {
    INFO(rule);
    for (const char* space : {"\u00a0", "\u3000", "\u2009", "\x1c", " \u00a0 "}) {
      CHECK(matches(rule, "Paris" + std::string(space), "Paris"));
      CHECK(matches(rule, space + std::string("Paris"), "Paris"));
      CHECK(matches(rule, "Paris", space + std::string("Paris") + space));
    }
    CHECK(matches(rule, composed, apart));
    CHECK(matches(rule, apart, composed));
    CHECK(matches(rule, "\u1e69", "s\u0307\u0323"));  // marks in the other order
    CHECK(matches(rule, "\uac01", "\u1100\u1161\u11a8"));
    CHECK(matches(rule, "\u212b", "\u00c5"));
    CHECK(matches(rule, "\u0958", "\u0915\u093c"));  // what NFC always takes apart
    CHECK_FALSE(matches(rule, "Jose", composed));
    CHECK_FALSE(matches(rule, composed, "Jose"));
    CHECK_FALSE(matches(rule, "\uac00", "\uac01"));
  }
  CHECK_FALSE(matches("strict", "New\u00a0York", "New York"));
  CHECK(matches("squad", "New\u00a0York", "New York"));
  CHECK(matches("squad", "th\u00e9 a\u0301", "the\u0301 \u00e1"));  // no articles
  CHECK_FALSE(matches("squad", "x", "\u00e1 x"));
  CHECK(matches("contains", "Pele", "Pel\u00e9 or Pele"));
  CHECK(AnswerMatcher::trimmed("\u3000 a b\u00a0\n") == "a b");
  CHECK(AnswerMatcher::trimmed("\u00a0").empty());
}

TEST_CASE("a letter whose marks are not all there yet is possible", "[data]") {
  for (const char* rule : {"strict", "squad"}) {
    INFO(rule);
    CHECK(judge(rule, "Jos\u00e9", "Jose") == Verdict::possible);
    CHECK(judge(rule, "s\u0323\u0307x", "s\u0307") == Verdict::possible);
    CHECK(judge(rule, "s\u0323\u0307x", "s\u0307\u0323") == Verdict::possible);
    CHECK(judge(rule, "s\u0323\u0307x", "s\u0301") == Verdict::dead);
    CHECK(judge(rule, "s\u0323\u0307x", "s\u0307x") == Verdict::dead);
    CHECK(judge(rule, "Jose", "Jos\u00e9") == Verdict::dead);
    CHECK(judge(rule, "e\u0301\u0302", "e\u0302") == Verdict::dead);  // these do not change places
  }
}

TEST_CASE("squad ignores case, punctuation, articles and spacing", "[data]") {
  CHECK(matches("squad", "The Beatles", "beatles"));
  CHECK(matches("squad", "Beatles", " the \"Beatles\"."));
  CHECK(matches("squad", "U.S.", "us"));
  CHECK(matches("squad", "New York", "NEW   york\nmore"));
  CHECK(matches("squad", "\u00c9tat", "\u00e9TAT"));
  CHECK(matches("squad", "\u0130zmir", "i\u0307zmir"));
  CHECK(matches("squad", "\u039f\u0394\u039f\u03a3", "\u03bf\u03b4\u03bf\u03c2"));
  CHECK(matches("squad", "a\u2013b",
                "the \u2013b"));  // an article is a whole word, also before a dash
  CHECK_FALSE(matches("squad", "New York", "NewYork"));
  CHECK_FALSE(matches("squad", "theme", "me"));
  CHECK_FALSE(matches("squad", "\u00e0b", "b"));
  CHECK_FALSE(matches("squad", "Paris", "Paris France"));
  CHECK_FALSE(matches("squad", "Paris", ""));
}

TEST_CASE("squad tells early what can no longer match", "[data]") {
  CHECK(judge("squad", "Paris", "Pa.R") == Verdict::possible);
  CHECK(judge("squad", "Paris", "Paris, th") == Verdict::possible);
  CHECK(judge("squad", "Paris", "Paris, the") == Verdict::matched);
  CHECK(judge("squad", "Paris", "Paris, them") == Verdict::dead);
  CHECK(judge("squad", "Paris", "Pax") == Verdict::dead);
  CHECK(judge("squad", "Paris", "Pa r") == Verdict::dead);
  CHECK(judge("squad", "Paris", "Pa the") == Verdict::dead);
  CHECK(judge("squad", "Paris", "Pari\n") == Verdict::dead);
  CHECK(judge("squad", "th", "th") == Verdict::matched);
  CHECK(judge("squad", "\u00c9tat", "\xc3") == Verdict::possible);
  CHECK(judge("squad", "Paris", "Paris\xc2") == Verdict::possible);  // may become a no-break space
}

TEST_CASE("contains is won for ever and lost only at the line's end", "[data]") {
  CHECK(judge("contains", "Paris", "it is ") == Verdict::possible);
  CHECK(judge("contains", "Paris", "it is pARIs, no") == Verdict::matched);
  CHECK(judge("contains", "Paris", "it is Pari\ns") == Verdict::dead);
  CHECK(judge("contains", "Paris", "Paris\nand") == Verdict::matched);
  CHECK(judge("contains", "\u00c9tat", "l'\u00e9tat c'est") == Verdict::matched);
  CHECK(judge("contains", "\u00c9tat", "l'\xc3") == Verdict::possible);
}

TEST_CASE("no prefix of a matching text is dead, whatever byte it is cut at", "[data]") {
  CounterRandom random(hash_text("answer matcher test"));
  int squad_rounds = 0;
  const auto apart = [](std::string text) {  // the same text in NFD
    for (const auto& [one, two] :
         {std::pair{"\u00c9", "E\u0301"}, std::pair{"\u0130", "I\u0307"}}) {
      for (std::size_t at = text.find(one); at != text.npos; at = text.find(one))
        text.replace(at, 2, two);
    }
    return text;
  };
  for (int round = 0; round < 3000; ++round) {
    const std::string gold = random_answer(random);
    INFO("gold '" << gold << "'");
    check_all_prefixes(*AnswerMatcher::make("strict", gold), "  " + gold + " \t");
    check_all_prefixes(*AnswerMatcher::make("strict", gold), "\u00a0" + apart(gold) + "\u3000");
    check_all_prefixes(*AnswerMatcher::make("contains", gold),
                       "It is " + disguised("", random) + gold + "\u00e9.");
    const auto squad = AnswerMatcher::make("squad", gold);
    if (!squad->matches("." + gold)) continue;  // nothing but articles: compared strictly
    check_all_prefixes(*squad, disguised(gold, random));
    check_all_prefixes(*squad, apart(gold));
    ++squad_rounds;
  }
  CHECK(squad_rounds > 2000);
}

// All texts over an alphabet that holds articles, a word, a symbol and white space: a text is open
// exactly when some longer text matches. What is needed to complete it is never longer than the
// gold answer and one space.
TEST_CASE("squad is exact: what is not dead can be completed", "[data]") {
  const std::vector<std::string> alphabet = {"a", "n", "x", " ", "\u2013"};
  constexpr std::size_t kLongest = 8;
  constexpr std::size_t kJudged = 4;
  std::vector<std::vector<std::string>> texts = {{""}};
  for (std::size_t length = 1; length <= kLongest; ++length) {
    texts.emplace_back();
    for (const std::string& shorter : texts[length - 1]) {
      for (const std::string& letter : alphabet) texts.back().push_back(shorter + letter);
    }
  }
  for (const std::string gold :
       {"x", "n", "xa", "anx", "a x", "x n", "\u2013x", "x\u2013", "x a\u2013", "ax"}) {
    const auto matcher = AnswerMatcher::make("squad", gold);
    std::vector<bool> completes;  // of the texts one character longer
    for (std::size_t length = kLongest + 1; length-- > 0;) {
      std::vector<bool> here(texts[length].size());
      for (std::size_t i = 0; i < here.size(); ++i) {
        const std::string& text = texts[length][i];
        here[i] = matcher->matches(text);
        for (std::size_t k = 0; k < alphabet.size() && length < kLongest; ++k) {
          here[i] = here[i] || completes[i * alphabet.size() + k];
        }
        if (length > kJudged || here[i] == (matcher->judge(text) != Verdict::dead)) continue;
        INFO("gold '" << gold << "', text '" << text << "'");
        REQUIRE(false);
      }
      completes = here;
    }
    CHECK(completes.at(0));
  }
}

TEST_CASE("a gold answer that SQuAD normalises away is compared strictly", "[data]") {
  CHECK(matches("squad", "The", " The"));
  CHECK_FALSE(matches("squad", "The", ""));
  CHECK_FALSE(matches("squad", "!!!", "?"));
}

TEST_CASE("of several gold answers any is right", "[data]") {
  const auto judged = [](std::string_view rule, const std::vector<std::string>& golds,
                         std::string_view text) {
    return AnswerMatcher::make(rule, golds)->judge(text);
  };
  const std::vector<std::string> places = {"New York", "new york", "New York City", "NYC",
                                           "New York"};
  CHECK(judged("strict", places, "New Y") == Verdict::possible);
  CHECK(judged("strict", places, " New York") == Verdict::matched);
  CHECK(judged("strict", places, "New York C") == Verdict::possible);
  CHECK(judged("strict", places, "New York City\n") == Verdict::matched);
  CHECK(judged("strict", places, "new york C") == Verdict::dead);
  CHECK(judged("strict", places, "NYC.") == Verdict::dead);
  CHECK(judged("squad", places, "the NYC.") == Verdict::matched);
  CHECK(judged("contains", places, "It is the nyc of old") == Verdict::matched);
  CHECK(AnswerMatcher::make("contains", places)->match_is_final());
  CHECK_FALSE(AnswerMatcher::make("squad", places)->match_is_final());
  // its verdict is the best of the verdicts on each
  CounterRandom random(12);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> golds;
    for (std::uint64_t i = 0; i <= random.below(4); ++i) golds.push_back(random_answer(random));
    const std::string text = random_answer(random);
    for (const char* rule : {"strict", "squad", "contains"}) {
      Verdict best = Verdict::dead;
      for (const std::string& gold : golds) best = std::max(best, judge(rule, gold, text));
      CHECK(judged(rule, golds, text) == best);
    }
  }
}

TEST_CASE("impossible rules and answers are the user's error", "[data]") {
  CHECK_THROWS_AS(AnswerMatcher::make("fuzzy", "x"), InputError);
  CHECK_THROWS_AS(AnswerMatcher::make("strict", " \t"), InputError);
  CHECK_THROWS_AS(AnswerMatcher::make("strict", "\u00a0\u3000"), InputError);
  CHECK_THROWS_AS(AnswerMatcher::make("squad", "a\nb"), InputError);
}

namespace {

bool says(const MatchRules& rules, const std::string& gold, const std::string& text) {
  const auto matcher = AnswerMatcher::make(rules, gold);
  // a beginning of what matches is never dead
  if (matcher->matches(text)) check_all_prefixes(*matcher, text);
  return matcher->matches(text);
}

}  // namespace

TEST_CASE("German: sharp s, articles, umlauts") {
  const std::string gold = "Stra\u00dfe der Pariser Kommune", other = "STRASSE DER PARISER KOMMUNE";
  CHECK_FALSE(says({}, gold, other));
  CHECK_FALSE(says({.rule = "squad"}, gold, other));
  CHECK(says({.folded = true}, gold, other));
  CHECK(says({.rule = "squad", .folded = true}, gold, other));
  CHECK_FALSE(says({.rule = "squad"}, "Rhein", "der Rhein"));
  CHECK(says({.rule = "squad", .language = "de"}, "Rhein", "der Rhein."));
  CHECK(says({.rule = "squad", .language = "de"}, "Rhein", "\u201eDer Rhein\u201c"));
  CHECK_FALSE(says({.rule = "squad", .language = "de"}, "Rhein", "the Rhein"));
  CHECK_FALSE(says({.rule = "squad", .language = "none"}, "Rhein", "der Rhein"));
  CHECK_FALSE(says({}, "K\u00f6ln", "Koln"));
  CHECK(says({.accents = false}, "K\u00f6ln", "Koln"));
  CHECK(says({.accents = false}, "Koln", "Ko\u0308ln"));
}

TEST_CASE("Turkish: the capital of dotless i") {
  const MatchRules turkish = {.folded = true, .language = "tr"}, other = {.folded = true};
  CHECK(says(turkish, "Isparta", "\u0131sparta"));
  CHECK_FALSE(says(turkish, "Isparta", "isparta"));
  CHECK(says(turkish, "\u0130zmir", "izmir"));
  CHECK(says(turkish, "izmir", "I\u0307ZM\u0130R"));
  CHECK(says(other, "Isparta", "isparta"));
  CHECK_FALSE(says(other, "\u0130zmir", "izmir"));
  CHECK(says({.folded = true, .accents = false}, "\u0130zmir", "izmir"));
  CHECK(
      says({.rule = "squad", .folded = true, .language = "tr"}, "\u0130zmir", "\u0130ZM\u0130R!"));
}

TEST_CASE("Chinese: no word boundaries, full width") {
  const std::string beijing = "\u5317\u4eac\u5e02";
  for (const char* language : {"en", "none"}) {
    const MatchRules squad = {.rule = "squad", .language = language};
    CHECK(says(squad, beijing, "\u5317\u4eac \u5e02"));
    CHECK(says(squad, "\u5317\u4eac \u5e02", beijing));
    CHECK(says(squad, "IBM \u516c\u53f8", "IBM\u516c\u53f8"));
    CHECK(says(squad, "IBM\u516c\u53f8", "ibm \u516c\u53f8"));
    CHECK_FALSE(says(squad, beijing, "\u5317\u4eac"));
  }
  CHECK_FALSE(says({.rule = "squad"}, beijing, beijing + "\u3002"));
  CHECK(says({.rule = "squad", .language = "none"}, beijing, beijing + "\u3002"));
  CHECK_FALSE(says({}, "IBM", "\uff29\uff22\uff2d"));
  CHECK(says({.compatible = true}, "IBM", "\uff29\uff22\uff2d"));
  CHECK(says({.compatible = true}, "\ufb01n", "fin"));
  CHECK_FALSE(says({.accents = false}, "\u304c", "\u304b"));  // ga and ka
  CHECK(squad_words("\u5317\u4eac\u5e02 ab").size() == 4);
  CHECK(word_f1(squad_words("\u5317\u4eac"), squad_words(beijing)) == Approx(0.8));
}

TEST_CASE("Arabic: vowel points and punctuation") {
  const std::string plain = "\u0645\u062d\u0645\u062f",
                    pointed = "\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f";
  CHECK_FALSE(says({}, plain, pointed));
  CHECK(says({.accents = false}, plain, pointed));
  CHECK(says({.accents = false}, pointed, " " + plain));
  CHECK(says({.rule = "squad", .language = "none"}, plain, plain + "\u061f"));
  CHECK_FALSE(says({.accents = false}, plain, plain + plain));
}

TEST_CASE("Hindi: vowel signs and nukta are letters, the danda ends a sentence") {
  const std::string delhi = "\u0926\u093f\u0932\u094d\u0932\u0940";
  CHECK(says({.accents = false}, delhi, delhi));
  CHECK_FALSE(says({.accents = false}, delhi, "\u0926\u0932\u0932"));
  CHECK(says({}, "\u0958", "\u0915\u093c"));  // qa, in one character and in two
  CHECK_FALSE(says({.accents = false}, "\u0958", "\u0915"));
  CHECK(says({.rule = "squad", .language = "none"}, delhi, delhi + " \u0964"));
}

TEST_CASE("a language whose articles are not known is an error, marks alone are an answer") {
  CHECK_THROWS_AS(AnswerMatcher::make(MatchRules{.rule = "squad", .language = "tlh"}, "x"),
                  InputError);
  CHECK(says({.accents = false}, "\u0301", "\u0301"));
}
