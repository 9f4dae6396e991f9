// Tables in JSON that are written by columns. Private to the data module.
#pragma once

#include <nlohmann/json.hpp>

namespace factsweep {

/// Whether an object holds columns instead of a record: of every key an object of values by number,
/// or a list that is as long as the others; or pandas' orient="split". `is_record`: its keys are a
/// record's, so that objects of one another's keys are no records.
bool is_of_columns(const nlohmann::json& value, bool is_record);

}  // namespace factsweep
