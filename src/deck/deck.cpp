#include "factsweep/deck/deck.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reader.hpp"
#include "value.hpp"

namespace factsweep {
namespace {

/// "FILE:3: grid.lambda = x is no number.", or of a rule that is a sentence of its own, after ": ",
/// "FILE:3: grid.experts = 3: the bank has 2 adapters."
InputError broken_rule(std::string_view where, std::string_view key, std::string_view raw,
                       std::string_view rule) {
  const bool stop = rule.ends_with('.') || rule.ends_with('?');
  const std::string what =
      raw.empty() ? std::string(key) : fmt::format("{} = {}", key, value::on_one_line(raw));
  return InputError(fmt::format("{}: {}{}{}{}", where, what, rule.starts_with(':') ? "" : " ", rule,
                                stop ? "" : "."));
}

/// Whether the results depend on what lies at the option's path.
bool is_place(const Option& option) {
  return option.scope == Scope::science &&
         (option.kind == Kind::path || option.kind == Kind::path_list);
}

InputError missing_key(std::string_view name, const Option& option) {
  const std::size_t dot = option.key.rfind('.');
  return InputError(fmt::format("{}: required key '{}' is missing ({}). Add '{} = ...' under [{}].",
                                name, option.key, option.help, option.key.substr(dot + 1),
                                option.key.substr(0, dot)));
}

}  // namespace

Deck Deck::parse(const OptionTable& table, std::string_view text, std::string_view name,
                 std::span<const std::string> overrides) {
  auto assignments = read_deck_text(table, text, name, Others::refused);
  // A line that the command line replaces must still be right: the next run may come without the
  // override.
  for (Assignment& override : read_overrides(table, overrides, Others::refused))
    assignments.push_back(std::move(override));
  return of(table, name, std::move(assignments));
}

Deck Deck::peek(const OptionTable& table, std::string_view text, std::string_view name,
                std::span<const std::string> overrides) {
  auto assignments = read_deck_text(table, text, name, Others::skipped);
  for (Assignment& override : read_overrides(table, overrides, Others::skipped))
    assignments.push_back(std::move(override));
  return of(table, name, std::move(assignments));
}

Deck Deck::of(const OptionTable& table, std::string_view name,
              std::vector<Assignment> assignments) {
  Deck deck;
  deck.table_ = std::make_shared<const OptionTable>(table);
  for (Assignment& assignment : assignments) {
    const Option& option = *table.find(assignment.key);
    try {
      if (option.kind == Kind::text || option.kind == Kind::path)
        assignment.raw = value::plain(assignment.raw);
      value::check(option, assignment.raw);
    } catch (const value::Broken& broken) {
      throw broken_rule(assignment.where, assignment.key, assignment.raw, broken.rule);
    }
    deck.values_[assignment.key] = {std::move(assignment.raw), std::move(assignment.where),
                                    is_place(option)};
  }
  for (const Option& option : table.options()) {
    const bool fresh =
        deck.values_.try_emplace(option.key, Value{option.fallback, "default", is_place(option)})
            .second;
    if (fresh && option.required) throw missing_key(name, option);
  }
  return deck;
}

const Deck::Value& Deck::value(std::string_view key, std::span<const Kind> kinds) const {
  const auto found = values_.find(key);
  require(found != values_.end(),
          fmt::format("Deck: '{}' is read, but {}", key,
                      table_->find(key) == nullptr ? "no option of that name is declared"
                                                   : "the stage's slice of the deck lacks it"));
  const bool fits = kinds.empty() ||
                    std::find(kinds.begin(), kinds.end(), table_->find(key)->kind) != kinds.end();
  require(fits, "Deck: '" + std::string(key) + "' is read as another kind than it was declared");
  return found->second;
}

std::string Deck::text(std::string_view key) const {
  const std::string& raw = value(key, std::array{Kind::text, Kind::path, Kind::choice}).raw;
  return table_->find(key)->kind == Kind::path ? path(key, raw) : raw;
}

std::string Deck::path(std::string_view key, std::string_view raw) const {
  try {
    return value::expanded_path(raw);
  } catch (const value::Broken& broken) {
    throw error(key, broken.rule);
  }
}

std::int64_t Deck::integer(std::string_view key) const {
  return value::integer(value(key, std::array{Kind::integer}).raw);
}

double Deck::real(std::string_view key) const {
  return value::real(value(key, std::array{Kind::real}).raw);
}

bool Deck::flag(std::string_view key) const {
  return value::flag(value(key, std::array{Kind::flag}).raw);
}

double Deck::seconds(std::string_view key) const {
  return value::duration(value(key, std::array{Kind::duration}).raw);
}

std::vector<std::string> Deck::text_list(std::string_view key) const {
  return value::text_list(value(key, std::array{Kind::text_list}).raw);
}

std::vector<std::string> Deck::path_list(std::string_view key) const {
  std::vector<std::string> paths = value::text_list(value(key, std::array{Kind::path_list}).raw);
  for (std::string& item : paths) item = path(key, item);
  return paths;
}

std::vector<std::int64_t> Deck::integer_list(std::string_view key) const {
  return value::integer_list(value(key, std::array{Kind::integer_list}).raw);
}

std::vector<double> Deck::real_list(std::string_view key) const {
  return value::real_list(value(key, std::array{Kind::real_list}).raw);
}

std::string Deck::raw(std::string_view key) const {
  return value(key, {}).raw;
}

bool Deck::is_default(std::string_view key) const {
  const Option& option = *table_->find(key);
  return value::normal(option, value(key, {}).raw) == value::normal(option, option.fallback);
}

std::string Deck::where(std::string_view key) const {
  return value(key, {}).where;
}

InputError Deck::error(std::string_view key, std::string_view rule) const {
  const Value& found = value(key, {});
  return broken_rule(found.where, key, found.raw, rule);
}

std::map<std::string, std::string> Deck::science() const {
  std::map<std::string, std::string> normal;
  for (const Option& option : table_->options()) {
    const auto found = values_.find(option.key);
    if (option.scope == Scope::science && !is_place(option) && found != values_.end())
      normal[option.key] = value::normal(option, found->second.raw);
  }
  return normal;
}

std::vector<std::string> Deck::places() const {
  std::vector<std::string> keys;
  for (const Option& option : table_->options()) {
    if (is_place(option)) keys.push_back(option.key);
  }
  return keys;
}

std::vector<std::string> Deck::places(std::string_view key) const {
  if (table_->find(key)->kind == Kind::path_list) return path_list(key);
  const std::string one = text(key);
  return one.empty() ? std::vector<std::string>() : std::vector{one};
}

Deck Deck::with_places(std::string_view key, std::span<const std::string> paths) const {
  const Option& option = *table_->find(key);
  require(is_place(option) && paths.size() == places(key).size(),
          fmt::format("Deck: '{}' has other places", key));
  std::string raw;
  for (const std::string& path : paths)
    raw += option.kind == Kind::path ? path
                                     : (raw.empty() ? "" : ", ") + value::marked(path);
  Deck deck = *this;
  deck.values_.find(key)->second.raw = raw;
  return deck;
}

std::map<std::string, std::string> Deck::science(
    std::initializer_list<std::string_view> sections) const {
  std::map<std::string, std::string> chosen = science();
  std::erase_if(chosen, [&](const auto& item) {
    return std::none_of(sections.begin(), sections.end(),
                        [&](std::string_view section) { return item.first.starts_with(section); });
  });
  return chosen;
}

Deck Deck::only(std::span<const std::string> keys) const {
  Deck slice;
  slice.table_ = table_;
  // every stage has a slice, and the list of a sweep's seeds is as long as there are stages: nothing
  // is copied that is not wanted
  for (const std::string& wanted : keys) {
    const auto first = values_.lower_bound(wanted);
    auto item = first;
    for (; item != values_.end() && (wanted.ends_with('.') ? item->first.starts_with(wanted)
                                                           : item->first == wanted);
         ++item) {
      if (!item->second.is_place) slice.values_.insert(*item);
    }
    require(item != first, "Deck: a slice names '" + wanted + "', which no option has");
  }
  return slice;
}

}  // namespace factsweep
