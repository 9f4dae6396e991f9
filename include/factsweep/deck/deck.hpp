// What was asked: typed INI keys, each with its value and the place where it was set.
// The order of precedence is default < deck file < command line. Nothing else changes a value.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/core/error.hpp"
#include "factsweep/deck/option.hpp"

namespace factsweep {

struct Assignment;

class Deck {
 public:
  /// Parses deck text (`name` appears in messages as name:line) and the overrides
  /// "--section.key=value" or
  /// "--section.key value". InputError: unknown key (with the nearest), duplicate, nan, wrong type,
  /// out of range, missing required key. A list on the command line replaces the deck's list.
  static Deck parse(const OptionTable& table, std::string_view text, std::string_view name,
                    std::span<const std::string> overrides);

  /// The same of the table's keys alone, whatever other keys are in the deck: run.study has to be
  /// known before it is known which others there are.
  static Deck peek(const OptionTable& table, std::string_view text, std::string_view name,
                   std::span<const std::string> overrides);

  /// text, path or choice. In paths, of lists too, a leading "~/", $NAME and ${NAME} are replaced
  /// here, not earlier, so that a stored deck can be parsed on a machine without these variables.
  /// InputError: a variable that is not set.
  std::string text(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;
  double real(std::string_view key) const;
  bool flag(std::string_view key) const;
  double seconds(std::string_view key) const;  // duration: "03:50:00", "90 s", "0" = none
  std::vector<std::string> text_list(std::string_view key) const;
  std::vector<std::string> path_list(std::string_view key) const;
  std::vector<std::int64_t> integer_list(std::string_view key) const;  // "1, 2, 3" or "1..5"
  std::vector<double> real_list(
      std::string_view key) const;  // "0, 0.5, 1", "linear(0, 1, 5)", "log(1e-3, 1e-1, 3)"

  /// The value as it was written ("1e-5"), for ids and for printing.
  std::string raw(std::string_view key) const;
  /// Not set, or set to what the default means too.
  bool is_default(std::string_view key) const;
  /// "inputs/a.ini:14", "command line" or "default".
  std::string where(std::string_view key) const;
  /// An InputError that names where the key was set, its value, then `rule`: what goes on with
  /// them as a sentence does ("is too many"), or after ": " a sentence of its own.
  InputError error(std::string_view key, std::string_view rule) const;

  /// The whole effective deck with help as comments; parsing it again gives the same deck.
  std::string effective() const;
  /// All science keys but paths with their values in normal form: what decides whether two runs are
  /// the same, beside what lies at their places().
  std::map<std::string, std::string> science() const;
  /// Those that begin with one of `sections`: "train.", "grid.seed".
  std::map<std::string, std::string> science(
      std::initializer_list<std::string_view> sections) const;

  /// Keys of paths, and of lists of paths, that results depend on.
  std::vector<std::string> places() const;
  /// What lies at one of places(): the paths of a list, or the one path; none where it is empty.
  std::vector<std::string> places(std::string_view key) const;
  /// The same deck with these paths at one of places(), as many as are there.
  Deck with_places(std::string_view key, std::span<const std::string> paths) const;

  /// The same deck with some of its keys alone: those that `keys` name, or whose section it names
  /// ("train."), without places(). Reading any other is a BugError. What a stage reads is such a
  /// slice, and its science() is hashed into the stage's key, so nothing can be read that is not
  /// hashed; a stage that needs a path has it in a field, beside a hash of what lies there.
  Deck only(std::span<const std::string> keys) const;

 private:
  struct Value {
    std::string raw;
    std::string where;
    bool is_place = false;  // see places()
  };
  static Deck of(const OptionTable& table, std::string_view name,
                 std::vector<Assignment> assignments);
  const Value& value(std::string_view key, std::span<const Kind> kinds) const;
  std::string path(std::string_view key, std::string_view raw) const;
  std::shared_ptr<const OptionTable> table_;
  std::map<std::string, Value, std::less<>> values_;  // of a slice its own keys alone
};

}  // namespace factsweep
