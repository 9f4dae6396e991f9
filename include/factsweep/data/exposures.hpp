// How often facts occur in a corpus, as somebody has counted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "factsweep/data/question.hpp"

namespace factsweep {

class Exposures {
 public:
  /// A file of records (records.hpp), each with a `count`, a whole number from 0 on, and a
  /// `question`, of this `relation` where it says so, or else a `subject` and a `relation`. Texts
  /// without white space at their ends, in NFC. InputError with file and line: a record that is
  /// none of these, or that counts a fact otherwise than one before it; a file without any.
  static Exposures read(const std::filesystem::path& path);

  /// Facts that are counted.
  std::int64_t size() const {
    return static_cast<std::int64_t>(of_question_.size() + of_subject_.size());
  }
  /// Sets Question::exposures: by its question with its relation, by its question alone, by its
  /// subject and relation, the first of these that is counted, else -1. Returns how many of the
  /// counted facts no question asks.
  std::int64_t join(std::vector<Question>& questions) const;

 private:
  using Fact = std::pair<std::string, std::string>;  // question or subject; relation, may be empty
  std::map<Fact, std::int32_t> of_question_, of_subject_;
};

}  // namespace factsweep
