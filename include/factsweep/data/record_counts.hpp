// Records of a file that cannot be used, or that something is to be said of.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/core/error.hpp"

namespace factsweep {

/// A record that cannot be used, which costs neither its file nor the others.
struct RecordError : InputError {
  /// `place`: file and line. `rule`: what is wrong with it, without a full stop; what follows ": "
  /// in it is of this record alone.
  RecordError(std::string place, std::string rule);

  std::string where, why;
};

/// By the reason: how many, and where the first of them are.
class RecordCounts {
 public:
  struct Reason {
    std::int64_t records = 0;
    std::vector<std::string> first;  // places, three at most
  };

  /// `why` up to its first ": " is the reason, what follows is said beside the place.
  void add(std::string_view why, const std::string& where);
  void add(const RecordCounts& more);

  bool empty() const { return reasons_.empty(); }
  std::int64_t records() const;
  const std::map<std::string, Reason>& reasons() const { return reasons_; }
  /// "2 of them: REASON (FILE:3, FILE:9)", and so on.
  std::string told() const;

 private:
  std::map<std::string, Reason> reasons_;
};

/// "REASON (FILE:3, FILE:9)"
std::string told(const std::string& why, const RecordCounts::Reason& reason);

/// data.bad_records where a deck says nothing: the share of a file's records that may be bad.
inline constexpr double kBadRecords = 0.05;

/// How many bad records of a file are left out, before the file is an error: `share` of them, but
/// of small files ten, or half of those that are smaller still; with a share of 0 none.
std::int64_t allowed_bad_records(std::int64_t records, double share);

/// InputError, with what may be done: of `records` of the file more are bad than are allowed.
void check_bad_records(const RecordCounts& bad, const std::string& file, std::int64_t records,
                       double share,
                       std::string_view remedy = "Correct them, or raise data.bad_records.");

}  // namespace factsweep
