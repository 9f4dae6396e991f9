// What the forms of edits call things, and the texts that a record has under these names. Private
// to the data module.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace factsweep {

/// Names of one thing, the usual one first.
using EditKeys = std::vector<std::string_view>;

struct EditNames {
  EditKeys subject, prompt, target_old, target_new;
};
/// A question, and its answer beside it.
struct EditPair {
  EditKeys prompt, answer;
};

/// Of one table, as the flat forms call the same things.
extern const EditNames kFlatNames, kZsreNames;
extern const EditKeys kRephrase, kLocality, kPorted;
extern const std::vector<EditPair> kUnrelated, kPortability;
extern const EditPair kEntry;  // of locality.NAME or portability.NAME

/// Whether some form knows the key.
bool is_edit_key(std::string_view key);
/// The known key that this one is a misspelling of; empty: of none.
std::string_view like_edit_key(std::string_view key);

bool has_any(const nlohmann::json& record, const EditKeys& keys);
/// Whether there is anything in a value but blanks and empty lists.
bool says_something(const nlohmann::json& value);

/// What is said of a record beside its edits.
struct EditNotes {
  std::set<std::string> not_used;      // keys of it, quoted
  std::vector<std::string> questions;  // why they are left out, as RecordCounts takes it
};

/// A record, what its file calls the things that edit_columns() names where the deck says so, and
/// what is noted of the record.
struct EditSource {
  const nlohmann::json& record;
  const std::string& where;
  const std::map<std::string, std::string>& columns;
  EditNotes& notes;
};

/// Adds the texts of a value to `texts`, and those of lists in it: trimmed, the blank ones and
/// repetitions left out. A number without a fraction is a text, too: a year. RecordError: what is
/// no text, or a list that is written as one.
void add_texts(std::vector<std::string>& texts, const nlohmann::json& value, std::string_view key,
               const std::string& where);

/// What an object, the record or a part of it, has under names.
class EditFields {
 public:
  EditFields(const EditSource& source, const nlohmann::json& holder)
      : source_(source), holder_(holder) {}

  bool has(const EditKeys& keys) const { return has_any(holder_, sought(keys)); }
  /// The first of the names that says something; empty: none says anything. It counts as read.
  /// Where the deck says what the file calls it, no other name is asked.
  std::string_view key(const EditKeys& keys);
  /// What is there; null: nothing.
  nlohmann::json value(const EditKeys& keys);
  /// All texts that are there.
  std::vector<std::string> texts(const EditKeys& keys);
  /// The one text that is there; empty: none is. RecordError: there are several.
  std::string text(const EditKeys& keys);
  /// The texts under all of the names.
  std::vector<std::string> all_texts(const EditKeys& keys);
  /// What a form calls the parts of an edit, or where the deck names one, its name alone.
  EditNames names(EditNames usual) const;
  /// Whether the deck says what the file calls one of these.
  bool are_named(const EditKeys& keys) const;
  /// Notes the keys that some form has and nobody read, and misspelt ones.
  void note_unread() const;
  /// "'prompt' or 'text'", as the file calls it, for messages.
  std::string called(const EditKeys& keys) const;
  /// RecordError.
  [[noreturn]] void fail(const std::string& rule) const;

 private:
  /// The names, or the one that the deck's column has.
  EditKeys sought(const EditKeys& keys) const;

  const EditSource& source_;
  const nlohmann::json& holder_;
  std::set<std::string_view> read_;
};

}  // namespace factsweep
