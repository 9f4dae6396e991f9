// The forms of edits: how a record is known, and which edits it makes. Private to the data module.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "edit_keys.hpp"
#include "factsweep/data/edits.hpp"

namespace factsweep {

struct EditForm {
  const char* name;
  const char* keys;  // for messages
  bool (*fits)(const nlohmann::json& record);
  /// Appends edits; `prompt` and `target_new` may be empty. RecordError.
  void (*read)(const EditSource&, std::vector<EditRecord>&);
};

/// In the order in which records are tried: special forms before general ones.
std::span<const EditForm> all_edit_forms();
/// The first that fits; null: none does, or it is no object.
const EditForm* edit_form_of(const nlohmann::json& record);

/// What a cell of a table holds where it is a JSON list or object, several texts, or what
/// spreadsheets and pandas write where there is nothing.
void unpack_cells(nlohmann::json& row, const std::string& separator);

/// What to do with an object of no form, as sentences that begin with a space: records that are
/// inside of it, keys that differ in case alone. Empty: nothing is known.
std::string edit_hint(const nlohmann::json& value);

}  // namespace factsweep
