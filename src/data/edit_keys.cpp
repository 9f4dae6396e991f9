#include "edit_keys.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "factsweep/core/edit_distance.hpp"
#include "factsweep/core/utf8.hpp"
#include "factsweep/data/record_counts.hpp"
#include "factsweep/data/trim.hpp"

namespace factsweep {

using nlohmann::json;

const EditNames kFlatNames = {{"subject", "concept"},
                              {"prompt", "text", "question"},
                              {"ground_truth", "target_old", "target_true", "old_answer"},
                              {"target_new", "labels", "new_answer"}},
                kZsreNames = {{"subject"}, {"src"}, {"pred"}, {"alt"}};
const EditKeys kRephrase = {"rephrase_prompt", "rephrase", "rephrase_prompts",
                            "paraphrase_prompts"},
               kLocality = {"locality", "locality_inputs"},
               kPorted = {"portability", "portability_inputs"};
const std::vector<EditPair> kUnrelated = {{{"locality_prompt", "locality_prompts"},
                                           {"locality_ground_truth", "locality_answer"}},
                                          {{"loc"}, {"loc_ans", "loc-ans"}}},
                            kPortability = {{{"portability_prompt", "portability_prompts"},
                                             {"portability_ground_truth", "portability_answer"}}};
const EditPair kEntry = {{"prompt", "New Question"}, {"ground_truth", "New Answer"}};

namespace {

const std::vector<std::string_view>& all_keys() {
  static const std::vector<std::string_view> all = [] {
    std::vector<std::string_view> keys = {
        "requested_rewrite", "neighborhood_prompts", "attribute_prompts", "generation_prompts",
        "questions",         "new_answer_alias",     "single_hops",       "new_single_hops"};
    const auto add = [&](const EditKeys& more) {
      keys.insert(keys.end(), more.begin(), more.end());
    };
    for (const EditNames* names : {&kFlatNames, &kZsreNames}) {
      for (const EditKeys* some :
           {&names->subject, &names->prompt, &names->target_old, &names->target_new})
        add(*some);
    }
    for (const EditKeys* some : {&kRephrase, &kLocality, &kPorted}) add(*some);
    for (const auto* pairs : {&kUnrelated, &kPortability}) {
      for (const EditPair& pair : *pairs) {
        add(pair.prompt);
        add(pair.answer);
      }
    }
    return keys;
  }();
  return all;
}

/// "rephrase_prompt" of "Rephrase-Prompt".
std::string plain(std::string_view key) {
  std::string plain(trimmed(key));
  for (char& c : plain) {
    if (c >= 'A' && c <= 'Z') c |= 0x20;
    if (c == ' ' || c == '-') c = '_';
  }
  return plain;
}

/// A list of Python's or of JSON's that became a text: by print, or by a table's to_csv.
bool is_written_list(std::string_view text) {
  constexpr std::string_view kQuotes = "'\"";
  if (text.size() < 4 || kQuotes.find(text[1]) == text.npos) return false;
  const bool has_comma = text.find(',') != text.npos;
  if (text.front() == '[') return text.back() == ']';
  if (text.front() == '{') return text.back() == '}';
  return text.front() == '(' && text.back() == ')' && has_comma;
}

}  // namespace

bool is_edit_key(std::string_view key) {
  return std::find(all_keys().begin(), all_keys().end(), key) != all_keys().end();
}

std::string_view like_edit_key(std::string_view key) {
  constexpr std::size_t kShortest = 4, kLong = 8;
  const std::string spelt = plain(key);
  for (const std::string_view known : all_keys()) {
    if (spelt == plain(known)) return known;
  }
  for (const std::string_view known : all_keys()) {
    const std::size_t most = known.size() < kLong ? 1 : 2;
    const bool may_be = known.size() >= kShortest && known.size() <= spelt.size() + most &&
                        spelt.size() <= known.size() + most;
    if (may_be && edit_distance(spelt, known) <= most) return known;
  }
  return {};
}

bool has_any(const json& record, const EditKeys& keys) {
  return std::any_of(keys.begin(), keys.end(), [&](auto key) { return record.contains(key); });
}

bool says_something(const json& value) {
  if (value.is_structured())
    return std::any_of(value.begin(), value.end(), [](const json& v) { return says_something(v); });
  return value.is_string() ? !trimmed(value.get_ref<const std::string&>()).empty()
                           : !value.is_null();
}

void add_texts(std::vector<std::string>& texts, const json& value, std::string_view key,
               const std::string& where) {
  if (value.is_array()) {
    for (const json& part : value) add_texts(texts, part, key, where);
  } else if (value.is_object() && value.contains("str")) {
    add_texts(texts, value.at("str"), key, where);
  } else if (value.is_string() || value.is_number_integer()) {
    const std::string whole = value.is_string() ? value.get<std::string>() : value.dump();
    const std::string text(trimmed(whole));
    if (is_written_list(text))
      throw RecordError(where, fmt::format("'{}' is a list that is written as a text. Write a JSON "
                                           "list, as [\"a\", \"b\"], or one text: {}",
                                           key, excerpt(text)));
    if (!text.empty() && std::find(texts.begin(), texts.end(), text) == texts.end())
      texts.push_back(text);
  } else if (!value.is_null()) {
    throw RecordError(where, fmt::format("'{}' is not a text: {}", key, excerpt(value.dump())));
  }
}

std::string_view EditFields::key(const EditKeys& keys) {
  const auto says = [&](std::string_view key) {
    const auto value = holder_.find(key);
    return value != holder_.end() && says_something(*value);
  };
  const EditKeys names = sought(keys);
  const auto found = std::find_if(names.begin(), names.end(), says);
  if (found == names.end()) return {};
  read_.insert(*found);
  return *found;
}

json EditFields::value(const EditKeys& keys) {
  const std::string_view found = key(keys);
  return found.empty() ? json() : holder_.at(found);
}

std::vector<std::string> EditFields::texts(const EditKeys& keys) {
  std::vector<std::string> texts;
  const std::string_view found = key(keys);
  if (!found.empty()) add_texts(texts, holder_.at(found), found, source_.where);
  return texts;
}

std::string EditFields::text(const EditKeys& keys) {
  const std::vector<std::string> found = texts(keys);
  if (found.size() > 1)
    fail(fmt::format("'{}' has several texts, but a record is one edit. Give each its own record",
                     key(keys)));
  return found.empty() ? std::string() : found.front();
}

std::vector<std::string> EditFields::all_texts(const EditKeys& keys) {
  std::vector<std::string> texts;
  for (const std::string_view one : sought(keys)) {
    const auto value = holder_.find(one);
    if (value == holder_.end()) continue;
    read_.insert(one);
    add_texts(texts, *value, one, source_.where);
  }
  return texts;
}

void EditFields::note_unread() const {
  for (const auto& [key, value] : holder_.items()) {
    if (read_.count(key) != 0 || !says_something(value)) continue;
    if (is_edit_key(key)) {
      const auto column = source_.columns.find(key);
      const bool is_named = &holder_ == &source_.record && column != source_.columns.end();
      source_.notes.not_used.insert(fmt::format("'{}'", is_named ? excerpt(column->second) : key));
      continue;
    }
    const std::string_view like = like_edit_key(key);
    if (!like.empty())
      source_.notes.not_used.insert(fmt::format("'{}' (like '{}')", excerpt(key), like));
  }
}

bool EditFields::are_named(const EditKeys& keys) const {
  return std::any_of(keys.begin(), keys.end(), [&](std::string_view key) {
    return source_.columns.contains(std::string(key));
  });
}

EditNames EditFields::names(EditNames usual) const {
  const auto& columns = source_.columns;
  for (const auto& [column, keys] : {std::pair{"subject", &usual.subject},
                                     {"prompt", &usual.prompt},
                                     {"target_old", &usual.target_old},
                                     {"target_new", &usual.target_new}}) {
    if (columns.contains(column)) *keys = {column};
  }
  return usual;
}

EditKeys EditFields::sought(const EditKeys& keys) const {
  if (&holder_ != &source_.record) return keys;  // columns are keys of the record itself
  const auto named = std::find_if(keys.begin(), keys.end(), [&](std::string_view key) {
    return source_.columns.count(std::string(key)) != 0;
  });
  return named == keys.end() ? keys : EditKeys{*named};
}

std::string EditFields::called(const EditKeys& keys) const {
  const EditKeys names = sought(keys);
  const auto column = source_.columns.find(std::string(names.front()));
  if (&holder_ == &source_.record && column != source_.columns.end())
    return fmt::format("'{}'", column->second);
  return fmt::format("'{}'", fmt::join(names, "' or '"));
}

void EditFields::fail(const std::string& rule) const {
  throw RecordError(source_.where, rule);
}

}  // namespace factsweep
