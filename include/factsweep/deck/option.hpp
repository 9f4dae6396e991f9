// The one table of deck keys: parser, range check, --print-deck and documentation all come from it.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace factsweep {

enum class Kind {
  text,
  path,
  integer,
  real,
  flag,
  choice,
  duration,
  text_list,
  integer_list,
  real_list
};

/// science: results depend on it, so it is part of the deck's hash. execution: where and how long
/// it runs.
enum class Scope { science, execution };

struct Option {
  std::string key;  // "train.learning_rate"
  Kind kind = Kind::text;
  std::string fallback;  // default, as it would stand in a deck; empty with required = true
  std::string unit;      // "1", "epochs", "questions", "" when there is none
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  std::vector<std::string>
      choices;  // for Kind::choice, and the allowed items of a text_list when not empty
  std::string help;
  Scope scope = Scope::science;
  bool required = false;
};

class OptionTable {
 public:
  void add(
      Option option);  // require()s that the key is new and that the fallback obeys its own rule
  const Option* find(std::string_view key) const;
  /// The known key with the smallest edit distance, for "Did you mean"; one of the same name in
  /// another section wins.
  std::string nearest(std::string_view key) const;
  const std::vector<Option>& options() const { return options_; }

 private:
  std::vector<Option> options_;
};

}  // namespace factsweep
