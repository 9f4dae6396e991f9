#include "edit_questions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "factsweep/core/utf8.hpp"

namespace factsweep {

using nlohmann::json;

namespace {

/// The kinds of `locality` that come before others.
constexpr std::string_view kFirstKinds[] = {"Relation_Specificity", "Forgetfulness",
                                            "neighborhood"};

}  // namespace

std::string line_break_in(const std::vector<std::string>& answers) {
  const auto broken = std::find_if(answers.begin(), answers.end(), [](const std::string& answer) {
    return answer.find_first_of("\r\n") != answer.npos;
  });
  if (broken == answers.end()) return {};
  return fmt::format("has a line break, at which answers end: {}", excerpt(json(*broken).dump()));
}

void EditQuestions::read(const std::vector<EditPair>& beside, const EditKeys& nested) {
  const EditPair& own = beside.front();
  if (fields_.are_named(own.prompt) || fields_.are_named(own.answer))
    return add_pairs(fields_, own);
  for (const EditPair& keys : beside) {
    if (fields_.has(keys.prompt)) add_pairs(fields_, keys);
  }
  for (const std::string_view key : nested) {
    const json value = fields_.value({key});
    if (!value.is_null()) add_kinds(key, value);
  }
}

void EditQuestions::add_kinds(std::string_view key, const json& value) {
  if (!value.is_object() || has_any(value, kEntry.prompt)) return add_entries(key, value);
  for (const std::string_view kind : kFirstKinds) {
    const auto entries = value.find(kind);
    if (entries != value.end()) add_entries(key, *entries);
  }
  for (const auto& [kind, entries] : value.items()) {
    if (std::find(std::begin(kFirstKinds), std::end(kFirstKinds), kind) == std::end(kFirstKinds))
      add_entries(key, entries);
  }
}

void EditQuestions::add_entries(std::string_view key, const json& entries) {
  if (!says_something(entries)) return;
  if (entries.is_array()) {
    for (const json& entry : entries) add_entries(key, entry);
    return;
  }
  if (!entries.is_object() || !has_any(entries, kEntry.prompt))
    fields_.fail(fmt::format("'{}' has what is no object with 'prompt' and 'ground_truth': {}", key,
                             excerpt(entries.dump())));
  EditFields entry(source_, entries);
  add_pairs(entry, kEntry);
}

/// A question with the spellings of its answer, or a list of questions with one of answers.
void EditQuestions::add_pairs(EditFields& fields, const EditPair& keys) {
  const json prompts = fields.value(keys.prompt), answers = fields.value(keys.answer);
  const auto texts = [&](const json& value, const EditKeys& names) {
    std::vector<std::string> found;
    add_texts(found, value, names.front(), source_.where);
    return found;
  };
  if (!prompts.is_array() || prompts.size() < 2) {
    const std::vector<std::string> prompt = texts(prompts, keys.prompt);
    return add(prompt.empty() ? "" : prompt.front(), texts(answers, keys.answer));
  }
  const bool one_for_all = answers.is_string() || answers.is_null();
  if (!one_for_all && (!answers.is_array() || answers.size() != prompts.size()))
    fields.fail(fmt::format("'{}' has several questions, so '{}' needs as many answers",
                            keys.prompt.front(), keys.answer.front()));
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::vector<std::string> prompt = texts(prompts[i], keys.prompt);
    add(prompt.empty() ? "" : prompt.front(),
        texts(one_for_all ? answers : answers[i], keys.answer));
  }
}

void EditQuestions::add(const std::string& prompt, const std::vector<std::string>& answers) {
  if (prompt.empty() && answers.empty()) return;
  if (prompt.empty()) return lose(fmt::format("{} is empty", kind_));
  if (answers.empty()) return lose(fmt::format("{} has no answer: {}", kind_, excerpt(prompt)));
  const std::string broken = line_break_in(answers);
  if (!broken.empty()) return lose(fmt::format("an answer to {} {}", kind_, broken));
  found_.push_back({prompt, answers});
}

void EditQuestions::lose(const std::string& why) {
  lost_any_ = true;
  source_.notes.questions.push_back(why);
}

}  // namespace factsweep
