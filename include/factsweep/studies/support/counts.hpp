// What a study says of records that it leaves out or uses in part.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "factsweep/data/record_counts.hpp"
#include "factsweep/stage/plan_builder.hpp"

namespace factsweep {

/// Why or what -> how many records, as two datasets of one axis: `path`, and <path>_reason, which
/// `about` describes. None where there is nothing to say.
void fill_counts(PlanBuilder& builder, const std::string& path, const std::string& axis,
                 const std::map<std::string, std::int64_t>& counts, const std::string& about,
                 const std::string& counted);

/// The same with <path>_first beside it: file and line of the first of them.
void fill_counts(PlanBuilder& builder, const std::string& path, const std::string& axis,
                 const RecordCounts& counts, const std::string& about, const std::string& counted);

/// What is said of the records of a file, or of a part of it.
struct SourceCounts {
  std::string source, fate;  // "one.json", "left out"
  RecordCounts counts;
};

/// /sources, a row a reason; none where there is nothing to say.
void fill_sources(PlanBuilder& builder, const std::vector<SourceCounts>& sources);

/// The same as lines of a plan.
std::vector<std::string> notes_of(const std::vector<SourceCounts>& sources);

}  // namespace factsweep
