// Whom or what a question is about: what the questions of a relation do not share. Private to the
// data module.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace factsweep {

/// The fixed text around the subject: "Where was [X] born?" has "Where was " and " born?".
struct Template {
  std::string before, after;

  /// From "Where was [X] born?". InputError (starting with `where`) unless it has "[X]" once.
  static Template of(std::string_view text, std::string_view where);
  /// What all `questions` share at both ends, cut back to whole words; empty when they leave no
  /// room for a subject.
  static Template common(std::span<const std::string> questions);

  bool fits(std::string_view question) const;
  /// Precondition: fits(question).
  std::string subject(std::string_view question) const;
};

}  // namespace factsweep
