// The forms of edits: how a record is known, and which edits it makes. Private to the data module.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "factsweep/data/edits.hpp"

namespace factsweep {

/// A record, and what is found in it that nobody reads.
struct EditSource {
  const nlohmann::json& record;
  std::string where;
  std::map<std::string, std::int64_t>& not_used;
};

struct EditForm {
  const char* name;
  const char* keys;  // for messages
  bool (*fits)(const nlohmann::json& record);
  /// Appends edits; `prompt` and `target_new` may be empty. RecordError.
  void (*read)(const EditSource&, std::vector<EditRecord>&);
};

/// In the order in which records are tried: special forms before general ones.
std::span<const EditForm> all_edit_forms();

/// What a cell of a table holds where it is a JSON list or object, or several texts.
void unpack_cells(nlohmann::json& row, const std::string& separator);

}  // namespace factsweep
