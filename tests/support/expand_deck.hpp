// A deck's text, expanded by its study.
#pragma once

#include <string>
#include <vector>

#include "factsweep/stage/common_options.hpp"
#include "factsweep/stage/study.hpp"

namespace factsweep::test {

inline Deck parse_deck(const Study& study, const std::string& text,
                       const std::vector<std::string>& overrides = {}) {
  OptionTable table;
  declare_study_option(table, {study.name});
  declare_common_options(table);
  study.declare(table);
  return Deck::parse(table, text, "test.ini", overrides);
}

inline Expansion expand_deck(const Study& study, const std::string& text,
                             const std::vector<std::string>& overrides = {}) {
  return study.expand(parse_deck(study, text, overrides));
}

}  // namespace factsweep::test
