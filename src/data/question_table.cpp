#include "factsweep/data/question_table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/data/records.hpp"
#include "factsweep/data/trim.hpp"
#include "select_questions.hpp"
#include "subject.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

/// Visits each row as an object of texts and lists, with the place where it stands.
using VisitRow = std::function<void(const nlohmann::json&, const std::string& where)>;

void read_rows(const fs::path& path, const std::string& question, const VisitRow& visit) {
  const auto is_row = [&](const nlohmann::json& value) { return value.contains(question); };
  for_each_data_record(path, is_row, [&](const DataRecord& row) {
    if (!row.fault.empty()) throw InputError(fmt::format("{}: {}.", row.where, row.fault));
    visit(row.value, row.where);
  });
}

struct Row {
  std::string question, subject, relation;
  std::vector<std::string> answers;
  std::optional<Split> split;
};

/// What the columns of a table say. Which of the optional ones there are, its first row tells.
class Columns {
 public:
  explicit Columns(const TableForm& form) : form_(form) {}

  Row row(const nlohmann::json& object, const std::string& where) {
    if (!object.is_object())
      throw InputError(fmt::format("{}: is not an object {{\"question\": ...}}.", where));
    if (first_) {
      first_ = false;
      has_subject_ = object.contains(form_.subject);
      has_relation_ = object.contains(form_.relation);
      has_split_ = object.contains(form_.split);
    }
    Row row;
    row.question = text(object, form_.question, "data.question", where);
    row.answers = answers(object, where);
    if (has_subject_) row.subject = text(object, form_.subject, "data.subject", where);
    row.relation = has_relation_ ? text(object, form_.relation, "data.relation", where) : "all";
    if (has_split_) row.split = split(object, where);
    return row;
  }

  bool has_subject() const { return has_subject_; }
  bool has_split() const { return has_split_; }

 private:
  static const nlohmann::json& value(const nlohmann::json& object, const std::string& column,
                                     const char* key, const std::string& where) {
    const auto found = object.find(column);
    if (found != object.end()) return *found;
    std::vector<std::string> names;
    for (const auto& item : object.items()) names.push_back(item.key());
    throw InputError(fmt::format("{}: there is no '{}', which {} names. There are: {}.", where,
                                 column, key, fmt::join(names, ", ")));
  }

  static std::string text(const nlohmann::json& object, const std::string& column, const char* key,
                          const std::string& where) {
    const nlohmann::json& found = value(object, column, key, where);
    if (found.is_number_integer()) return found.dump();  // a year
    if (!found.is_string())
      throw InputError(fmt::format("{}: has no text in '{}'.", where, column));
    std::string plain(trimmed(found.get_ref<const std::string&>()));
    if (plain.empty())
      throw InputError(fmt::format(
          "{}: has an empty '{}'. Fill it in, or take the row out, as jobs/facts.py does.", where,
          column));
    return plain;
  }

  std::vector<std::string> answers(const nlohmann::json& object, const std::string& where) const {
    std::vector<std::string> found;
    for (const std::string& one : written_answers(object, where)) {
      const std::string_view answer = trimmed(one);
      if (answer.empty())
        throw InputError(fmt::format(
            "{}: has an empty answer in '{}'. Fill it in, or take it out, as jobs/facts.py does.",
            where, form_.answers));
      if (answer.find_first_of("\r\n") != answer.npos)
        throw InputError(
            fmt::format("{}: has an answer with a line break, where decoded answers end.", where));
      if (std::find(found.begin(), found.end(), answer) == found.end()) found.emplace_back(answer);
    }
    return found;
  }

  std::vector<std::string> written_answers(const nlohmann::json& object,
                                           const std::string& where) const {
    const nlohmann::json& found = value(object, form_.answers, "data.answers", where);
    if (found.is_array()) return list(found, where);
    const std::string whole = text(object, form_.answers, "data.answers", where);
    if (whole.front() == '[')
      return list(nlohmann::json::parse(whole, nullptr, /*allow_exceptions=*/false), where);
    if (form_.separator.empty()) return {whole};
    std::vector<std::string> parts;
    for (std::string_view rest = whole;;) {
      const std::size_t at = rest.find(form_.separator);
      parts.emplace_back(rest.substr(0, at));
      if (at == rest.npos) return parts;
      rest.remove_prefix(at + form_.separator.size());
    }
  }

  std::vector<std::string> list(const nlohmann::json& found, const std::string& where) const {
    const bool fits =
        found.is_array() && !found.empty() &&
        std::all_of(found.begin(), found.end(), [](const auto& one) { return one.is_string(); });
    if (fits) return found.get<std::vector<std::string>>();
    throw InputError(
        fmt::format("{}: '{}' is no JSON list of texts, such as [\"Oslo\", \"Christiania\"].",
                    where, form_.answers));
  }

  Split split(const nlohmann::json& object, const std::string& where) const {
    const std::string name = text(object, form_.split, "data.split", where);
    if (name == "train") return Split::train;
    if (name == "test") return Split::test;
    if (name == "dev" || name == "validation" || name == "valid" || name == "val")
      return Split::dev;
    throw InputError(
        fmt::format("{}: '{}' in '{}' is no split: train, dev (or validation, valid, val), test.",
                    where, name, form_.split));
  }

  const TableForm& form_;
  bool first_ = true, has_subject_ = false, has_relation_ = false, has_split_ = false;
};

/// The splits of `count` questions of a relation, in their order: as many as the shares say,
/// rounded, and the rest to train.
std::vector<Split> draw_splits(std::size_t count, const std::string& relation,
                               const TableForm& form) {
  const auto of = [&](double share) {
    return std::min(count,
                    static_cast<std::size_t>(std::llround(share * static_cast<double>(count))));
  };
  const std::size_t dev = of(form.shares[1]), test = std::min(of(form.shares[2]), count - dev);
  const auto order =
      permutation(static_cast<std::int64_t>(count),
                  CounterRandom(hash_words({hash_text("splits"), form.seed, hash_text(relation)})));
  std::vector<Split> splits(count, Split::train);
  for (std::size_t i = 0; i < dev + test; ++i)
    splits[static_cast<std::size_t>(order[i])] = i < dev ? Split::dev : Split::test;
  return splits;
}

/// Rows of one question are in one split.
void draw_splits(std::vector<Row>& rows, const std::string& relation, const TableForm& form) {
  std::unordered_map<std::string, std::size_t> number;
  for (const Row& row : rows) number.try_emplace(row.question, number.size());
  const std::vector<Split> splits = draw_splits(number.size(), relation, form);
  for (Row& row : rows) row.split = splits[number.at(row.question)];
}

void guess_subjects(std::vector<Row>& rows) {
  std::vector<std::string> questions;  // a line break stands for a blank
  for (const Row& row : rows) {
    std::string& question = questions.emplace_back(row.question);
    for (char& c : question) c = c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
  }
  const Template form = Template::common(questions);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].subject = form.subject(questions[i]);
}

}  // namespace

bool QuestionTable::is_table(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return false;
  const std::string name = data_file_name(path);
  return names_table(path) || name.ends_with(".json") || name.ends_with(".jsonl");
}

QuestionTable::QuestionTable(const fs::path& path, const TableForm& form) : path_(path.string()) {
  std::map<std::string, std::vector<Row>> relations;
  Columns columns(form);
  read_rows(path, form.question, [&](const nlohmann::json& object, const std::string& where) {
    Row row = columns.row(object, where);
    relations[row.relation].push_back(std::move(row));
  });
  if (relations.empty()) throw InputError(fmt::format("{}: has no question.", path_));
  if (!columns.has_subject())
    notes_.push_back(fmt::format(
        "{}: no column '{}' (data.subject): a question's subject is what the relation's questions "
        "do not share",
        path_, form.subject));
  if (!columns.has_split())
    notes_.push_back(fmt::format(
        "{}: no column '{}' (data.split): questions of each relation drawn for train, dev and test "
        "by {:g}, {:g} and {:g} (data.split_shares, data.seed = {})",
        path_, form.split, form.shares[0], form.shares[1], form.shares[2], form.seed));
  for (auto& [relation, rows] : relations) {
    if (!columns.has_split()) draw_splits(rows, relation, form);
    if (!columns.has_subject()) guess_subjects(rows);
    std::map<Split, std::vector<Question>>& kept = rows_[relation];
    for (const Split split : {Split::train, Split::dev, Split::test}) kept[split];
    for (Row& row : rows) {
      Question question{relation, *row.split, row.question, row.answers.front(), row.subject};
      question.aliases.assign(row.answers.begin() + 1, row.answers.end());
      kept[*row.split].push_back(std::move(question));
    }
  }
}

std::vector<std::string> QuestionTable::relations() const {
  std::vector<std::string> names;
  for (const auto& [relation, rows] : rows_) names.push_back(relation);
  return names;
}

EntityQuestions QuestionTable::questions(const std::vector<std::string>& relations,
                                         OverlapFilter overlap, RepeatedQuestions repeated) const {
  const auto records_of = [](const std::map<Split, std::vector<Question>>& rows) {
    RecordsOfSplit records;
    for (const auto& [split, some] : rows) {
      for (const Question& row : some)
        records[split].push_back({row.question, accepted_answers(row), row.subject});
      records[split];
    }
    return records;
  };
  TestEntities test;
  for (const auto& [relation, rows] : rows_) test.add(records_of(rows).at(Split::test));
  EntityQuestions result;
  std::set<std::string> seen;
  for (const std::string& relation : relations) {
    if (!seen.insert(relation).second)
      throw InputError(fmt::format("{}: relation '{}' is asked for twice.", path_, relation));
    const auto found = rows_.find(relation);
    if (found == rows_.end())
      throw InputError(fmt::format("{}: no relation '{}'. It has: {}.", path_, relation,
                                   fmt::join(this->relations(), ", ")));
    select_questions(relation, records_of(found->second), test, overlap, repeated, result);
  }
  return result;
}

}  // namespace factsweep
