#include "factsweep/data/prompts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/core/utf8.hpp"

namespace factsweep {
namespace {

/// The name of the placeholder that `text` begins with; empty: it begins with none.
std::string_view placeholder(std::string_view text) {
  if (!text.starts_with('{')) return {};
  const std::size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789", 1);
  return end == text.npos || end == 1 || text[end] != '}' ? std::string_view()
                                                          : text.substr(1, end - 1);
}

std::string in_braces(const std::vector<std::string_view>& names) {
  std::vector<std::string> list;
  for (const std::string_view name : names) list.push_back(fmt::format("{{{}}}", name));
  return fmt::format("{}", fmt::join(list, ", "));
}

}  // namespace

std::string with_line_breaks(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("\\n"), text.size());
    result += text.substr(0, end);
    if (end < text.size()) result += '\n';
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return result;
}

PromptTemplate::PromptTemplate(std::string text, const Rules& rules, std::string_view where)
    : text_(std::move(text)) {
  if (text_.empty()) return;
  pieces_.emplace_back();
  for (std::string_view rest = text_; !rest.empty();) {
    const std::string_view name = placeholder(rest);
    if (name.empty()) {
      pieces_.back().plain += rest.front();
      rest.remove_prefix(1);
      continue;
    }
    const auto knows = [&](const auto& names) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (!knows(rules.needed) && !knows(rules.allowed)) {
      std::vector<std::string_view> all = rules.needed;
      all.insert(all.end(), rules.allowed.begin(), rules.allowed.end());
      throw InputError(fmt::format("{} has the placeholder {{{}}}. It may have {}.", where, name,
                                   in_braces(all)));
    }
    pieces_.back().name = name;
    pieces_.emplace_back();
    rest.remove_prefix(name.size() + 2);
  }
  for (const std::string_view name : rules.needed) {
    const auto count = std::count_if(pieces_.begin(), pieces_.end(),
                                     [&](const Piece& piece) { return piece.name == name; });
    if (count == 1) continue;
    throw InputError(fmt::format("{} {} {{{}}}: '{}'. It needs it once.", where,
                                 count == 0 ? "lacks" : "has more than one", name, excerpt(text_)));
  }
}

std::string PromptTemplate::filled(const Question& question, std::string_view answer,
                                   std::string_view shots) const {
  std::string text;
  for (const Piece& piece : pieces_) {
    text += piece.plain;
    if (piece.name == "question") text += question.question;
    if (piece.name == "answer") text += answer;
    if (piece.name == "shots") text += shots;
    if (piece.name == "subject") text += question.subject;
    if (piece.name == "relation") text += question.relation;
  }
  return text;
}

bool PromptTemplate::has(std::string_view name) const {
  return std::any_of(pieces_.begin(), pieces_.end(),
                     [&](const Piece& piece) { return piece.name == name; });
}

std::string_view PromptTemplate::after(std::string_view name) const {
  for (std::size_t i = 0; i + 1 < pieces_.size(); ++i) {
    if (pieces_[i].name == name) return pieces_[i + 1].plain;
  }
  return {};
}

PromptTemplate::Rules Prompts::shot_rules() {
  return {{"question", "answer"}, {"subject", "relation"}};
}

PromptTemplate::Rules Prompts::label_rules(bool with_shots) {
  if (with_shots) return {{"question", "shots"}, {"subject", "relation"}};
  return {{"question"}, {"shots", "subject", "relation"}};
}

PromptTemplate::Rules Prompts::train_rules() {
  return {{"question"}, {"subject", "relation"}};
}

PromptTemplate::Rules Prompts::p_true_rules() {
  return {{"question", "answer"}, {"subject", "relation"}};
}

void Prompts::check(std::string_view shot_place, std::string_view idk_place,
                    std::string_view no_place) const {
  if (!shot.text().empty() && answer_end().empty())
    throw InputError(
        fmt::format("{} has nothing after {{answer}}, so nothing would end an answer: let a line "
                    "break (\\n) or "
                    "a special token of the model come after it.",
                    shot_place));
  if (idk.find('\n') != idk.npos)
    throw InputError(
        fmt::format("{} has a line break, at which answers end. Write it on one line.", idk_place));
  if (!yes.empty() && yes == no)
    throw InputError(fmt::format("{} is the same text as prompt.p_true_yes, '{}'.", no_place, yes));
}

std::string Prompts::asked(std::span<const Question> shots, const Question& question) const {
  std::string before;
  for (const Question& one : shots) before += shot.filled(one, one.answer);
  return label.filled(question, "", before);
}

bool Prompts::name_details() const {
  const auto names = [](const PromptTemplate& one) {
    return one.has("subject") || one.has("relation");
  };
  return names(shot) || names(label) || names(train) || names(p_true);
}

std::string_view blank_before_answer(std::string_view prompt) {
  constexpr std::string_view kWhite = " \t\r\n\f\v";
  return prompt.empty() || kWhite.find(prompt.back()) == kWhite.npos ? " " : "";
}

}  // namespace factsweep
