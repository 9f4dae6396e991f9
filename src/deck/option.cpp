#include "factsweep/deck/option.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "factsweep/core/edit_distance.hpp"
#include "factsweep/core/error.hpp"
#include "value.hpp"

namespace factsweep {
namespace {

std::string_view last_part(std::string_view key) {
  return key.substr(key.rfind('.') + 1);
}

bool is_well_formed(std::string_view key) {
  const bool characters =
      key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == key.npos;
  return characters && key.find('.') != key.npos && !key.starts_with('.') && !key.ends_with('.');
}

Option option(Kind kind, const std::string& key, const Fallback& fallback, const std::string& help,
              Scope scope = Scope::science) {
  return {.key = key,
          .kind = kind,
          .fallback = fallback.text,
          .help = help,
          .scope = scope,
          .required = fallback.required};
}

Option within(double minimum, double maximum, const std::string& unit, Option option) {
  option.unit = unit;
  option.minimum = minimum;
  option.maximum = maximum;
  return option;
}

Option one_of(std::vector<std::string> choices, Option option) {
  option.choices = std::move(choices);
  return option;
}

}  // namespace

void OptionTable::add(Option option) {
  require(is_well_formed(option.key),
          "OptionTable::add: '" + option.key + "' is not section.snake_case");
  require(find(option.key) == nullptr, "OptionTable::add: '" + option.key + "' is there already");
  require(!option.required || option.fallback.empty(),
          "OptionTable::add: '" + option.key + "' is required, so it has no default");
  if (!option.required) {
    try {
      value::check(option, option.fallback);
    } catch (const value::Broken& broken) {
      const std::string what = fmt::format("OptionTable::add: default of {} = {} {}", option.key,
                                           option.fallback, broken.rule);
      require(false, what);
    }
  }
  options_.push_back(std::move(option));
}

void OptionTable::text(const std::string& key, const Fallback& fallback, const std::string& help) {
  add(option(Kind::text, key, fallback, help));
}

void OptionTable::path(const std::string& key, const Fallback& fallback, const std::string& help,
                       Scope scope) {
  add(option(Kind::path, key, fallback, help, scope));
}

void OptionTable::flag(const std::string& key, const Fallback& fallback, const std::string& help) {
  add(option(Kind::flag, key, fallback, help));
}

void OptionTable::duration(const std::string& key, const Fallback& fallback,
                           const std::string& help, Scope scope) {
  Option duration = option(Kind::duration, key, fallback, help, scope);
  duration.unit = "time";
  add(std::move(duration));
}

void OptionTable::choice(const std::string& key, const Fallback& fallback,
                         std::vector<std::string> choices, const std::string& help, Scope scope) {
  add(one_of(std::move(choices), option(Kind::choice, key, fallback, help, scope)));
}

void OptionTable::choices(const std::string& key, const Fallback& fallback,
                          std::vector<std::string> choices, const std::string& help) {
  add(one_of(std::move(choices), option(Kind::text_list, key, fallback, help)));
}

void OptionTable::texts(const std::string& key, const Fallback& fallback, const std::string& help,
                        Scope scope) {
  add(option(Kind::text_list, key, fallback, help, scope));
}

void OptionTable::paths(const std::string& key, const Fallback& fallback, const std::string& help,
                        Scope scope) {
  add(option(Kind::path_list, key, fallback, help, scope));
}

void OptionTable::integer(const std::string& key, const Fallback& fallback, const std::string& unit,
                          double minimum, double maximum, const std::string& help, Scope scope) {
  add(within(minimum, maximum, unit, option(Kind::integer, key, fallback, help, scope)));
}

void OptionTable::integers(const std::string& key, const Fallback& fallback,
                           const std::string& unit, double minimum, double maximum,
                           const std::string& help) {
  add(within(minimum, maximum, unit, option(Kind::integer_list, key, fallback, help)));
}

void OptionTable::real(const std::string& key, const Fallback& fallback, const std::string& unit,
                       double minimum, double maximum, const std::string& help) {
  add(within(minimum, maximum, unit, option(Kind::real, key, fallback, help)));
}

void OptionTable::reals(const std::string& key, const Fallback& fallback, const std::string& unit,
                        double minimum, double maximum, const std::string& help) {
  add(within(minimum, maximum, unit, option(Kind::real_list, key, fallback, help)));
}

const Option* OptionTable::find(std::string_view key) const {
  const auto found = std::find_if(options_.begin(), options_.end(),
                                  [&](const Option& option) { return option.key == key; });
  return found == options_.end() ? nullptr : &*found;
}

std::string OptionTable::nearest(std::string_view key) const {
  std::string best;
  std::size_t best_distance = std::numeric_limits<std::size_t>::max();
  for (const Option& option : options_) {
    const bool moved = last_part(option.key) == last_part(key);
    const std::size_t distance = moved ? 0 : edit_distance(key, option.key);
    if (distance >= best_distance) continue;
    best = option.key;
    best_distance = distance;
  }
  return best;
}

}  // namespace factsweep
