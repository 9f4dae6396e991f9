// Is a decoded answer the gold answer? (SliCK: exact match; the paper states no normalisation, so
// it is a deck key.)
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace factsweep {

/// What is known of an answer that may still grow.
enum class Verdict : std::uint8_t {
  dead,      // no continuation can match
  possible,  // does not match yet, a continuation may
  matched,   // would match if it ended here; a continuation may match too
};

/// How answers are compared.
struct MatchRules {
  std::string rule = "strict";  // strict, squad, contains: see AnswerMatcher::make()
  bool compatible = false;      // in NFKC in place of NFC: full-width letters, ligatures
  bool folded = false;          // full Unicode case folding, of all rules (ss is a capital sharp s)
  bool accents = true;          // false: accents and vowel points count for nothing
  std::string language = "en";  // squad's articles, and its punctuation, and the Turkish i
};

/// Languages whose articles squad drops, and "none".
std::vector<std::string> match_languages();

class AnswerMatcher {
 public:
  /// All rules compare in NFC. `rule`: "strict": equal but for white space (Unicode's) at the ends.
  /// "squad": equal after the SQuAD normalisation (lower case, no ASCII punctuation, no articles,
  /// single spaces; Rajpurkar et al. 2016); a gold answer of which that leaves nothing ("The") is
  /// compared strictly. "contains": the gold answer, stripped, occurs in the text, both
  /// lower-cased. InputError: unknown rule, or a gold answer of white space only.
  static std::unique_ptr<AnswerMatcher> make(std::string_view rule, std::string_view gold);
  /// The same with what else counts. "squad" of another language than English drops that language's
  /// articles and Unicode's punctuation; between characters of scripts without word boundaries
  /// (Chinese, Japanese, Thai, Lao, Khmer, Burmese) blanks count for nothing in any language.
  static std::unique_ptr<AnswerMatcher> make(const MatchRules& rules, std::string_view gold);
  static std::unique_ptr<AnswerMatcher> make(const MatchRules& rules,
                                             std::span<const std::string> golds);
  /// Any of several gold answers is right. They may begin each other, or be alike under the rule:
  /// a text is matched or not, and nothing is counted twice.
  static std::unique_ptr<AnswerMatcher> make(std::string_view rule,
                                             std::span<const std::string> golds);
  virtual ~AnswerMatcher() = default;

  /// Verdict on the bytes decoded so far; they may end inside a UTF-8 character. The answer ends at
  /// its first newline: what follows is ignored, and a text with a newline is matched or dead,
  /// never possible.
  virtual Verdict judge(std::string_view text) const = 0;

  /// True when a matched text stays matched whatever follows ("contains"): then nothing needs to
  /// follow it.
  virtual bool match_is_final() const { return false; }

  /// `text` without white space at its ends, as all rules see it.
  static std::string_view trimmed(std::string_view text);

  /// judge() of a finished answer.
  bool matches(std::string_view text) const;
};

}  // namespace factsweep
