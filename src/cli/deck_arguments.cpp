#include "deck_arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "factsweep/core/error.hpp"
#include "factsweep/stage/common_options.hpp"
#include "registry.hpp"

namespace factsweep::cli {

DeckArguments DeckArguments::parse(const std::vector<std::string>& words, bool for_plan) {
  DeckArguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--print-deck") {
      arguments.print_deck = true;
    } else if (for_plan && (word == "--ranks" || word.starts_with("--ranks="))) {
      const std::string value =
          word == "--ranks" ? (i + 1 < words.size() ? words[++i] : "") : word.substr(8);
      const auto parsed =
          std::from_chars(value.data(), value.data() + value.size(), arguments.ranks);
      if (parsed.ec != std::errc() || parsed.ptr != value.data() + value.size() ||
          arguments.ranks < 1) {
        throw InputError(fmt::format(
            "command line: --ranks = '{}' is no number of ranks (an integer >= 1).", value));
      }
    } else if (word.starts_with("--")) {
      arguments.overrides.push_back(word);
      // "--key value": the value is the next word
      if (word.find('=') == std::string::npos && i + 1 < words.size() &&
          !words[i + 1].starts_with("--"))
        arguments.overrides.push_back(words[++i]);
    } else if (arguments.path.empty()) {
      arguments.path = word;
    } else {
      throw InputError(fmt::format("command line: one deck at a time, but '{}' and '{}' are given.",
                                   arguments.path, word));
    }
  }
  if (arguments.path.empty())
    throw InputError(
        "command line: a deck is missing. Example: factsweep run inputs/quickstart.ini");
  return arguments;
}

Task read_task(const DeckArguments& arguments, const std::string& text) {
  std::vector<std::string> names;
  for (const Study& study : studies()) names.push_back(study.name);
  OptionTable table;
  declare_study_option(table, names);
  const std::string named =
      Deck::peek(table, text, arguments.path, arguments.overrides).text("run.study");
  const auto place = std::find(names.begin(), names.end(), named) - names.begin();
  Task task{studies().at(static_cast<std::size_t>(place)), {}};
  declare_common_options(table);
  task.study.declare(table);
  task.deck = Deck::parse(table, text, arguments.path, arguments.overrides);
  return task;
}

}  // namespace factsweep::cli
