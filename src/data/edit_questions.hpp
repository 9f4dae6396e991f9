// The questions beside an edit: unrelated ones, and those of portability. Private to the data
// module.
#pragma once

#include <string>
#include <vector>

#include "edit_keys.hpp"
#include "factsweep/data/edits.hpp"

namespace factsweep {

/// Questions of one kind with their answers, in the order in which a record has them. Those that
/// cannot be asked are left out and noted.
class EditQuestions {
 public:
  /// `kind`: what a question is called in messages. `fields`: of the record.
  EditQuestions(const EditSource& source, EditFields& fields, const char* kind)
      : source_(source), fields_(fields), kind_(kind) {}

  /// Those beside the prompt, then those of `locality.NAME` or the like. RecordError.
  void read(const std::vector<EditPair>& beside, const EditKeys& nested);
  /// Nothing is in both: no question.
  void add(const std::string& prompt, const std::vector<std::string>& answers);
  /// Whether there were some, and none can be asked.
  bool lost_all() const { return found_.empty() && lost_any_; }
  std::vector<EditQuestion> take() { return std::move(found_); }

 private:
  void add_kinds(std::string_view key, const nlohmann::json& value);
  void add_entries(std::string_view key, const nlohmann::json& entries);
  void add_pairs(EditFields& fields, const EditPair& keys);
  void lose(const std::string& why);

  const EditSource& source_;
  EditFields& fields_;
  const char* kind_;
  std::vector<EditQuestion> found_;
  bool lost_any_ = false;
};

/// "has a line break, ...: TEXT" of the first that has one; empty: none has.
std::string line_break_in(const std::vector<std::string>& answers);

}  // namespace factsweep
