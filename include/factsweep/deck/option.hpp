// The one table of deck keys: parser, range check, --print-deck and documentation all come from it.
#pragma once

#include <cstddef>
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
  path_list,
  integer_list,
  real_list
};

/// science: results depend on it, so it is part of the deck's hash; of a path they depend on what
/// lies there, not on where that is. execution: where and how long it runs.
enum class Scope { science, execution };

struct Option {
  std::string key;  // "train.learning_rate"
  Kind kind = Kind::text;
  std::string fallback;  // default, as it would be written in a deck; empty with required = true
  std::string unit;      // "1", "epochs", "questions", "" when there is none
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  std::vector<std::string>
      choices;  // for Kind::choice, and the allowed items of a text_list when not empty
  std::string help;
  Scope scope = Scope::science;
  bool required = false;
};

/// In place of a default: the deck must give the key.
struct NoDefault {};
inline constexpr NoDefault no_default;

/// What a key has where a deck is silent, as it would be written there.
struct Fallback {
  Fallback(const char* value) : text(value) {}
  Fallback(std::string value) : text(std::move(value)) {}
  Fallback(NoDefault) : required(true) {}

  std::string text;
  bool required = false;
};

class OptionTable {
 public:
  void add(
      Option option);  // require()s that the key is new and that the fallback obeys its own rule

  // A key of each kind, so that a study's declarations read as a table.
  void text(const std::string& key, const Fallback& fallback, const std::string& help);
  void path(const std::string& key, const Fallback& fallback, const std::string& help,
            Scope scope = Scope::science);
  void flag(const std::string& key, const Fallback& fallback, const std::string& help);
  void duration(const std::string& key, const Fallback& fallback, const std::string& help,
                Scope scope);
  void choice(const std::string& key, const Fallback& fallback, std::vector<std::string> choices,
              const std::string& help, Scope scope = Scope::science);
  void integer(const std::string& key, const Fallback& fallback, const std::string& unit,
               double minimum, double maximum, const std::string& help,
               Scope scope = Scope::science);
  void real(const std::string& key, const Fallback& fallback, const std::string& unit,
            double minimum, double maximum, const std::string& help);

  // Lists.
  void texts(const std::string& key, const Fallback& fallback, const std::string& help,
             Scope scope = Scope::science);
  void paths(const std::string& key, const Fallback& fallback, const std::string& help,
             Scope scope = Scope::science);
  void choices(const std::string& key, const Fallback& fallback, std::vector<std::string> choices,
               const std::string& help);
  void integers(const std::string& key, const Fallback& fallback, const std::string& unit,
                double minimum, double maximum, const std::string& help);
  void reals(const std::string& key, const Fallback& fallback, const std::string& unit,
             double minimum, double maximum, const std::string& help);

  const Option* find(std::string_view key) const;
  /// The known key with the smallest edit distance, for "Did you mean"; one of the same name in
  /// another section wins.
  std::string nearest(std::string_view key) const;
  const std::vector<Option>& options() const { return options_; }

 private:
  std::vector<Option> options_;
};

}  // namespace factsweep
