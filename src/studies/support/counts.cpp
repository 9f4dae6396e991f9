#include "factsweep/studies/support/counts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "factsweep/core/console.hpp"
#include "factsweep/stage/table.hpp"

namespace factsweep {

void fill_counts(PlanBuilder& builder, const std::string& path, const std::string& axis,
                 const std::map<std::string, std::int64_t>& counts, const std::string& about,
                 const std::string& counted) {
  using Count = std::pair<std::string, std::int64_t>;
  if (counts.empty()) return;
  builder.dimension(path.substr(0, path.rfind('/') + 1) + axis, counts.size());
  fill(builder,
       Table<Count>{{column<std::string>(path + "_reason", {axis}, "", about), &Count::first},
                    {column<std::int64_t>(path, {axis}, "records", counted), &Count::second}},
       std::vector<Count>(counts.begin(), counts.end()));
}

void fill_counts(PlanBuilder& builder, const std::string& path, const std::string& axis,
                 const RecordCounts& counts, const std::string& about, const std::string& counted) {
  std::map<std::string, std::int64_t> numbers;
  std::vector<std::string> first;
  for (const auto& [why, reason] : counts.reasons()) {
    numbers[why] = reason.records;
    first.push_back(fmt::format("{}", fmt::join(reason.first, "; ")));
  }
  fill_counts(builder, path, axis, numbers, about, counted);
  if (first.empty()) return;
  builder.fill(column<std::string>(path + "_first", {axis}, "", "where the first of them are"),
               first);
}

void fill_sources(PlanBuilder& builder, const std::vector<SourceCounts>& sources) {
  struct Row {
    std::string source, fate, why;
    RecordCounts::Reason reason;
  };
  std::vector<Row> rows;
  for (const SourceCounts& source : sources) {
    for (const auto& [why, reason] : source.counts.reasons())
      rows.push_back({source.source, source.fate, why, reason});
  }
  if (rows.empty()) return;
  builder.dimension("source", rows.size());
  const auto text = [](const char* name, const char* long_name) {
    return column<std::string>(std::string("/sources/") + name, {"source"}, "", long_name);
  };
  fill(builder,
       Table<Row>{
           {text("name", "file, or what was read of it"), &Row::source},
           {text("fate", "what became of the records"), &Row::fate},
           {text("reason", "why"), &Row::why},
           {column<std::int64_t>("/sources/records", {"source"}, "records", "how many"),
            [](const Row& row) { return row.reason.records; }},
           {text("first", "where the first of them are"),
            [](const Row& row) { return fmt::format("{}", fmt::join(row.reason.first, "; ")); }}},
       rows);
}

std::vector<std::string> notes_of(const std::vector<SourceCounts>& sources) {
  std::vector<std::string> lines;
  for (const SourceCounts& source : sources) {
    for (const auto& [why, reason] : source.counts.reasons())
      lines.push_back(
          fmt::format("{}: {} {} {}: {}", source.source, console::counted(reason.records, "record"),
                      reason.records == 1 ? "is" : "are", source.fate, told(why, reason)));
  }
  return lines;
}

}  // namespace factsweep
