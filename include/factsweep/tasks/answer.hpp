// From a generated text to an answer: the post-processing f of the K-shot study (arXiv 2408.15915,
// equation 5), after OpenCompass and LLM-Adapters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "factsweep/tasks/task.hpp"

namespace factsweep {

/// The answer that `text` gives to `example`, of code the program; empty when it gives none.
std::string extract_answer(TaskKind kind, const TaskExample& example, std::string_view text);

/// True when nothing that may follow `text` changes extract_answer(): generation may stop.
bool answer_is_final(TaskKind kind, const TaskExample& example, std::string_view text);

/// Is an extracted answer the gold one? Not for code, which has to be run.
bool answer_matches(TaskKind kind, const TaskExample& example, std::string_view answer);

/// The last number in front of the next "Question:", and of the line on which "####" marks a number
/// ("#### 72", "#### $-5"), GSM8K's own form; a heading ("#### Step 1") ends nothing. What follows
/// "####" up to the line's end is read as whole_number() where it is one. Commas, thin and no-break
/// blanks that part thousands are removed, typeset minus signs are "-", ".5" is "0.5"; with
/// `fractions` "3/4" is one number, else two. Empty: no number.
std::string last_number(std::string_view text, bool fractions = false);

/// The number that all of `text` is, without what parts its thousands (commas, or blanks of any
/// kind): "-3" of "\u22123", "12000" of "12 000", "3/4". Empty: it is none, or more than that
/// ("12 apples", "3 or 4", "1/0"). A gold answer is read so: where the lenient last_number() would
/// find some number in any text, this one finds none.
std::string whole_number(std::string_view text);

/// The value of what last_number() or whole_number() gave; NaN of an empty text.
double number_value(std::string_view number);

/// The letter of one of `options` options that `text` chooses, in this order: a letter that opens
/// the text and is set off ("B.", "(B)"); the first "answer is B", "Answer: B"; the first "option
/// is B", "choice: B"; a letter that ends the text; the first bare "option B", which a text may as
/// well reject; the first letter between blanks or marks; the first letter before a colon; the
/// first letter. Empty: none. (OpenCompass's first_option_postprocess for English, plus the first
/// rule: what a model trained on "B. dry palms" says.)
std::string first_option_letter(std::string_view text, std::size_t options);

/// The first of `names` in `text`, not inside a longer word on its left ("untrue"), upper or lower
/// case (LLM-Adapters' extract_answer knows lower case alone); of several at one place the longest
/// ("answer10" is not "answer1"). Empty: none.
std::string first_name(std::string_view text, const std::vector<std::string>& names);

/// Python between [BEGIN] and [DONE], or of the first Markdown fence; the text itself where it has
/// neither.
std::string extract_code(std::string_view text);

}  // namespace factsweep
