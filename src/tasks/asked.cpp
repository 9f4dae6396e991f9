#include "factsweep/tasks/asked.hpp"

#include <unicode/unistr.h>

#include <algorithm>

namespace factsweep {
namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string folded(std::string_view text) {
  std::string result(text);
  if (is_ascii(text)) {
    std::transform(text.begin(), text.end(), result.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return result;
  }
  result.clear();
  icu::UnicodeString::fromUTF8({text.data(), static_cast<int32_t>(text.size())})
      .foldCase()
      .toUTF8String(result);
  return result;
}

/// Of a question and its answer, as an earlier turn has them.
std::string answered(std::string_view question, std::string_view output) {
  std::string both(question);
  return as_compared(both.append("\n").append(output));
}

}  // namespace

std::string as_compared(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  std::string result;
  for (const char c : folded(text)) {
    if (kSpace.find(c) == kSpace.npos) {
      result += c;
    } else if (!result.empty() && result.back() != ' ') {
      result += ' ';
    }
  }
  if (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

void AskedQuestions::add(const TaskExample& example) {
  questions_.insert(as_compared(question_of(example)));
  answered_.insert(answered(question_of(example), example.output));
}

void AskedQuestions::add(const TaskSet& set) {
  for (const TaskExample& example : set.examples) add(example);
}

bool AskedQuestions::ask(const TaskExample& example) const {
  return questions_.contains(as_compared(question_of(example)));
}

bool AskedQuestions::are_told_in(const TaskExample& example) const {
  return std::any_of(example.told.begin(), example.told.end(), [&](const auto& turn) {
    return answered_.contains(answered(turn.question, turn.reply));
  });
}

std::string_view AskedQuestions::why_not_learnt(const TaskExample& example) const {
  if (ask(example)) return "asks what a test example asks";
  if (are_told_in(example)) return "its conversation holds a test example's question and answer";
  return "";
}

}  // namespace factsweep
