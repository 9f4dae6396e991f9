#include "deck_arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "factsweep/core/error.hpp"
#include "factsweep/plan/machine.hpp"
#include "factsweep/stage/common_options.hpp"
#include "registry.hpp"

namespace factsweep::cli {

namespace {

/// InputError: no number above 0.
template <typename T>
T positive(const std::string& flag, const std::string& value, const char* what) {
  T number{};
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != value.data() + value.size() || !(number > 0) ||
      !std::isfinite(static_cast<double>(number))) {
    throw InputError(fmt::format("command line: {} = '{}' is no {}.", flag, value, what));
  }
  return number;
}

/// The flag of `plan` that a word is or begins with; empty: none.
std::string plan_flag(const std::string& word) {
  for (const char* flag : {"--ranks", "--ranks-per-device", "--device", "--device-memory", "--flops", "--seen"}) {
    if (word == flag || word.starts_with(fmt::format("{}=", flag))) return flag;
  }
  return "";
}

void set(DeckArguments& arguments, const std::string& flag, const std::string& value) {
  if (flag == "--ranks")
    arguments.ranks = positive<int>(flag, value, "number of ranks (an integer >= 1)");
  if (flag == "--ranks-per-device")
    arguments.ranks_per_device = positive<int>(flag, value, "number of ranks (an integer >= 1)");
  if (flag == "--seen") arguments.seen.push_back(value);
  if (flag == "--device") arguments.device = machine_of(value).name;
  if (flag == "--device-memory") arguments.device_memory = parse_bytes(value);
  if (flag == "--flops")
    arguments.flops = positive<double>(flag, value, "rate in FLOP/s (a number above 0, as 4e14)");
}

}  // namespace

DeckArguments DeckArguments::parse(const std::vector<std::string>& words, bool for_plan) {
  DeckArguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--print-deck") {
      arguments.print_deck = true;
    } else if (const std::string flag = for_plan ? plan_flag(word) : ""; !flag.empty()) {
      const bool is_apart = word.find('=') == std::string::npos;
      set(arguments, flag, !is_apart                ? word.substr(flag.size() + 1)
                          : i + 1 < words.size() ? words[++i]
                                                 : "");
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
