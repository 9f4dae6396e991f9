#include "subject.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "factsweep/core/error.hpp"

namespace factsweep {
namespace {

constexpr std::string_view kPlaceholder = "[X]";

bool is_word_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c & 0x80) != 0;
}

}  // namespace

Template Template::of(std::string_view text, std::string_view where) {
  const std::size_t at = text.find(kPlaceholder);
  if (at == text.npos || text.rfind(kPlaceholder) != at) {
    throw InputError(fmt::format(
        "{}: the template '{}' must hold [X] once, in place of the subject.", where, text));
  }
  return {std::string(text.substr(0, at)), std::string(text.substr(at + kPlaceholder.size()))};
}

Template Template::common(std::span<const std::string> questions) {
  if (questions.empty()) return {};
  std::string_view before = questions.front();
  std::string_view after = questions.front();
  std::size_t shortest = before.size();
  for (const std::string& question : questions) {
    shortest = std::min(shortest, question.size());
    const auto front =
        std::mismatch(before.begin(), before.end(), question.begin(), question.end());
    before = before.substr(0, static_cast<std::size_t>(front.first - before.begin()));
    const auto back =
        std::mismatch(after.rbegin(), after.rend(), question.rbegin(), question.rend());
    after.remove_prefix(after.size() - static_cast<std::size_t>(back.first - after.rbegin()));
  }
  // Subjects may share letters too ("Berlin", "Bern"): only whole words belong to the template.
  while (!before.empty() && before.back() != ' ') before.remove_suffix(1);
  while (!after.empty() && is_word_byte(after.front())) after.remove_prefix(1);
  if (before.size() + after.size() >= shortest) return {};
  return {std::string(before), std::string(after)};
}

bool Template::fits(std::string_view question) const {
  return question.size() > before.size() + after.size() && question.starts_with(before) &&
         question.ends_with(after);
}

std::string Template::subject(std::string_view question) const {
  require(fits(question), "Template::subject: the question is not of this form");
  return std::string(
      question.substr(before.size(), question.size() - before.size() - after.size()));
}

}  // namespace factsweep
