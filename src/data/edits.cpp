// One table of keys says what the three forms call the same things; only KnowEdit's locality nests.
#include "factsweep/data/edits.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/utf8.hpp"

namespace factsweep {
namespace {

using Keys = std::vector<std::string_view>;  // names of one thing, the usual one first

struct Form {
  std::string_view name;
  Keys subject, prompt, target_old, target_new, rephrase, locality_prompt, locality_answer;
};

const Form kCounterFact = {
    "counterfact",  {"subject"},         {"prompt"},          {"ground_truth"},
    {"target_new"}, {"rephrase_prompt"}, {"locality_prompt"}, {"locality_ground_truth"}};
const Form kZsre = {"zsre",  {"subject"},  {"src"}, {"pred"},
                    {"alt"}, {"rephrase"}, {"loc"}, {"loc_ans", "loc-ans"}};
const Form kKnowEdit = {"knowedit",       {"subject", "concept"},   {"prompt", "text"},
                        {"ground_truth"}, {"target_new", "labels"}, {"rephrase_prompt", "rephrase"},
                        {"prompt"},  // of an entry of `locality`
                        {"ground_truth"}};
constexpr std::array<std::string_view, 2> kLocalityKinds = {"Relation_Specificity",
                                                            "Forgetfulness"};

const Form& form_of(const nlohmann::json& record, const std::string& where) {
  if (record.contains("src")) return kZsre;
  for (const char* key : {"locality", "portability", "concept", "labels"}) {
    if (record.contains(key)) return kKnowEdit;
  }
  if (record.contains("prompt") && record.contains("target_new")) return kCounterFact;
  throw InputError(fmt::format(
      "{}: the record is none of the known forms. CounterFact (EasyEdit's) has 'prompt' and "
      "'target_new', ZsRE (MEND's) 'src' and 'alt', KnowEdit 'prompt', 'target_new' and "
      "'locality'.{}",
      where,
      record.contains("requested_rewrite")
          ? " This is ROME's form of CounterFact; convert it to EasyEdit's."
          : ""));
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  if (is_blank(text)) return {};
  const std::size_t first = text.find_first_not_of(" \t\r\n\f\v");
  return text.substr(first, text.find_last_not_of(" \t\r\n\f\v") - first + 1);
}

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : path_(path) {}

  EditFile read() {
    const std::string content = read_file(path_), found = find_file(path_).string();
    const std::string_view text = without_byte_order_mark(content);
    if (trimmed(text).starts_with('[')) {
      for (const nlohmann::json& record : read_json(path_))
        add(record, fmt::format("{}: record {}", found, row_ + 1));
    } else {
      for_each_json_line(text, found, [&](const nlohmann::json& record, std::int64_t line) {
        add(record, fmt::format("{}:{}: record {}", found, line, row_ + 1));
      });
    }
    if (file_.records.empty()) throw InputError(nothing_left(found));
    return std::move(file_);
  }

 private:
  void add(const nlohmann::json& record, const std::string& where) {
    if (!record.is_object())
      throw InputError(fmt::format("{} is no JSON object but {}.", where, excerpt(record.dump())));
    if (form_ == nullptr) {
      form_ = &form_of(record, where);
      file_.form = form_->name;
    }
    EditRecord edit;
    edit.row = row_++;
    edit.subject = filled(record, form_->subject, where);
    edit.prompt = filled(record, form_->prompt, where);
    // KnowEdit's new facts (WikiData_recent, WikiBio) replace none
    edit.target_old = form_ == &kKnowEdit ? optional(record, form_->target_old, where)
                                          : needed(record, form_->target_old, where);
    edit.target_new = needed(record, form_->target_new, where);
    edit.rephrase = optional(record, form_->rephrase, where);
    read_locality(edit, record, where);
    keep(std::move(edit));
  }

  void keep(EditRecord edit) {
    const std::string_view old_answer = trimmed(edit.target_old),
                           new_answer = trimmed(edit.target_new);
    if (new_answer.empty()) {
      ++file_.left_out["no new answer"];
    } else if (old_answer.empty()) {
      ++file_.left_out["no old answer"];
    } else if (old_answer == new_answer) {
      ++file_.left_out["the new answer equals the old one"];
    } else {
      if (is_blank(edit.rephrase)) {
        edit.rephrase.clear();
        ++file_.not_measured["no rephrasing"];
      }
      if (is_blank(edit.locality_prompt) || is_blank(edit.locality_answer)) {
        edit.locality_prompt.clear();
        edit.locality_answer.clear();
        ++file_.not_measured["no locality prompt"];
      }
      file_.records.push_back(std::move(edit));
    }
  }

  void read_locality(EditRecord& edit, const nlohmann::json& record,
                     const std::string& where) const {
    const nlohmann::json* holder = &record;
    std::string at = where;
    if (form_ == &kKnowEdit) {
      holder = nullptr;
      const auto locality = record.find("locality");
      if (locality == record.end()) return;
      for (const std::string_view kind : kLocalityKinds) {
        const auto list = locality->find(kind);  // end() also when it is no object
        if (list == locality->end() || !list->is_array() || list->empty()) continue;
        holder = &list->front();
        at = fmt::format("{}, locality.{}[0]", where, kind);
        break;
      }
      if (holder == nullptr) return;
      if (!holder->is_object())
        throw InputError(fmt::format("{} is no object with 'prompt' and 'ground_truth'.", at));
    }
    edit.locality_prompt = optional(*holder, form_->locality_prompt, at);
    edit.locality_answer = optional(*holder, form_->locality_answer, at);
  }

  /// A text, or the first one of a list (of lists); nothing of an empty list or null.
  static std::string text_of(const nlohmann::json& value, std::string_view key,
                             const std::string& where) {
    const nlohmann::json* found = &value;
    while (found->is_array() && !found->empty()) found = &found->front();
    if (found->is_string()) return found->get<std::string>();
    if (found->is_array() || found->is_null()) return "";
    throw InputError(
        fmt::format("{}: '{}' = {} is not a text. Quote it.", where, key, excerpt(found->dump())));
  }

  static std::string optional(const nlohmann::json& record, const Keys& keys,
                              const std::string& where) {
    for (const std::string_view key : keys) {
      const auto value = record.find(key);
      if (value != record.end()) return text_of(*value, key, where);
    }
    return "";
  }

  std::string needed(const nlohmann::json& record, const Keys& keys,
                     const std::string& where) const {
    const bool there = std::any_of(keys.begin(), keys.end(),
                                   [&](std::string_view key) { return record.contains(key); });
    if (there) return optional(record, keys, where);
    throw InputError(fmt::format(
        "{} has no '{}', which every record of the form '{}' has. The first record told the form.",
        where, fmt::join(keys, "' or '"), form_->name));
  }

  std::string filled(const nlohmann::json& record, const Keys& keys,
                     const std::string& where) const {
    std::string text = needed(record, keys, where);
    if (!is_blank(text)) return text;
    throw InputError(fmt::format("{}: '{}' is empty. Fill it, or remove the record.", where,
                                 fmt::join(keys, "' or '")));
  }

  std::string nothing_left(const std::string& found) const {
    std::string why;
    for (const auto& [reason, count] : file_.left_out)
      why += fmt::format("{}{} with {}", why.empty() ? ": " : ", ", count, reason);
    return fmt::format(
        "{}: none of its {} records can be used{}. An edit needs an old and a new "
        "answer that differ.",
        found, row_, why);
  }

  const std::filesystem::path& path_;
  const Form* form_ = nullptr;
  std::int64_t row_ = 0;
  EditFile file_;
};

}  // namespace

EditFile read_edits(const std::filesystem::path& path) {
  return Reader(path).read();
}

}  // namespace factsweep
