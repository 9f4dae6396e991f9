#include "factsweep/data/record_counts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace factsweep {

RecordError::RecordError(std::string place, std::string rule)
    : InputError(fmt::format("{}: {}.", place, rule)),
      where(std::move(place)),
      why(std::move(rule)) {}

void RecordCounts::add(std::string_view why, const std::string& where) {
  constexpr std::size_t kPlaces = 3;
  const std::size_t colon = why.find(": ");
  Reason& reason = reasons_[std::string(why.substr(0, colon))];
  ++reason.records;
  if (reason.first.size() == kPlaces) return;
  reason.first.push_back(colon == why.npos ? where
                                           : fmt::format("{}: {}", where, why.substr(colon + 2)));
}

void RecordCounts::add(const RecordCounts& more) {
  for (const auto& [why, theirs] : more.reasons_) {
    Reason& reason = reasons_[why];
    reason.records += theirs.records;
    for (const std::string& where : theirs.first) {
      if (reason.first.size() < 3) reason.first.push_back(where);
    }
  }
}

std::int64_t RecordCounts::records() const {
  std::int64_t count = 0;
  for (const auto& [why, reason] : reasons_) count += reason.records;
  return count;
}

std::string RecordCounts::told() const {
  std::string text;
  for (const auto& [why, reason] : reasons_)
    text += fmt::format("{}{} of them: {}", text.empty() ? "" : "; ", reason.records,
                        factsweep::told(why, reason));
  return text;
}

std::string told(const std::string& why, const RecordCounts::Reason& reason) {
  const bool more = reason.records > static_cast<std::int64_t>(reason.first.size());
  return fmt::format("{} ({}{})", why, fmt::join(reason.first, ", "), more ? ", ..." : "");
}

std::int64_t allowed_bad_records(std::int64_t records, double share) {
  constexpr std::int64_t kOfSmallFiles = 10;
  constexpr double kRounding = 1e-9;  // 0.29 x 100 is 28.999...
  if (share <= 0) return 0;
  const auto of_share =
      static_cast<std::int64_t>(std::floor(share * static_cast<double>(records) + kRounding));
  return std::max(of_share, std::min(kOfSmallFiles, records / 2));
}

void check_bad_records(const RecordCounts& bad, const std::string& file, std::int64_t records,
                       double share, std::string_view remedy) {
  const std::int64_t count = bad.records(), allowed = allowed_bad_records(records, share);
  if (count <= allowed) return;
  throw InputError(fmt::format(
      "{}: {} of its {} records {} bad, more than data.bad_records = {:g} allows ({}): {}. {}",
      file, count, records, count == 1 ? "is" : "are", share, allowed, bad.told(), remedy));
}

}  // namespace factsweep
