#include "deck_arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iostream>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/plan/machine.hpp"
#include "factsweep/stage/common_options.hpp"
#include "flags.hpp"
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

struct Flag {
  const char *name, *value, *help;
};
constexpr std::array kFlags = {
    Flag{"--print-deck", "", "the effective deck: each key with its meaning, unit, range and value"},
    Flag{"--help", "", "this text"}};
/// Of `plan` alone.
constexpr std::array kPlanFlags = {
    Flag{"--ranks", "R", "how many ranks, for the predicted time; 1 unless given"},
    Flag{"--device", "NAME", "time on this GPU, and whether the sweep fits: h100, a100-80, ..."},
    Flag{"--device-memory", "SIZE", "whether it fits into a device of this memory: 80GB"},
    Flag{"--flops", "RATE", "time at this rate, FLOP/s that a rank reaches: 4e14"},
    Flag{"--ranks-per-device", "N", "ranks that share a device; 1 unless given"},
    Flag{"--seen", "FILE", "at the speed and memory that this results file's sweep had"}};

/// The flag of `plan` that a word is or begins with; empty: none.
std::string plan_flag(const std::string& word) {
  for (const Flag& flag : kPlanFlags) {
    if (word == flag.name || word.starts_with(fmt::format("{}=", flag.name))) return flag.name;
  }
  return "";
}

/// InputError: a flag of `plan` for `run`, or one that is nearly a flag. Others without a dot are
/// the deck's to refuse, which knows the nearest key.
void check_flag(const std::string& word, bool for_plan) {
  const std::string name = word.substr(0, word.find('='));
  if (name.find('.') != name.npos) return;
  if (!for_plan && !plan_flag(word).empty())
    throw InputError(fmt::format(
        "command line: factsweep run has no flag {}, which is one of factsweep plan. {}", name,
        name == "--ranks" ? "Ranks of a run are mpirun's: mpirun -n R factsweep run DECK."
                          : "Keys of the deck are --section.key=value, as --run.device=cpu."));
  std::vector<std::string> known;
  for (const Flag& flag : kFlags) known.push_back(flag.name);
  if (for_plan) {
    for (const Flag& flag : kPlanFlags) known.push_back(flag.name);
  }
  if (!nearest_flag(name, known).empty())
    throw unknown_flag(for_plan ? "factsweep plan" : "factsweep run", name, known);
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
      check_flag(word, for_plan);
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

namespace {

std::vector<std::string> study_names() {
  std::vector<std::string> names;
  for (const Study& study : studies()) names.push_back(study.name);
  return names;
}

OptionTable table_of(const Study& study) {
  OptionTable table;
  declare_study_option(table, study_names());
  declare_common_options(table);
  study.declare(table);
  return table;
}

/// "[run] [model] ...", in the order of --print-deck, in lines of a terminal's width.
std::string sections_of(const Study& study) {
  const OptionTable table = table_of(study);
  std::vector<std::string> sections;
  std::string text, line;
  for (const Option& option : table.options()) {
    const std::string section = fmt::format("[{}]", option.key.substr(0, option.key.find('.')));
    if (std::find(sections.begin(), sections.end(), section) != sections.end()) continue;
    sections.push_back(section);
    if (line.size() + section.size() > 80) text += std::exchange(line, "") + "\n" + std::string(13, ' ');
    line += (line.empty() ? "" : " ") + section;
  }
  return text + line;
}

}  // namespace

bool asks_for_help(const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), "--help") != words.end();
}

void print_deck_help(bool for_plan) {
  namespace po = boost::program_options;
  po::options_description flags("Flags", 110);
  const auto add = [&](const Flag& flag) {
    const char* name = flag.name + 2;
    if (*flag.value == '\0')
      flags.add_options()(name, flag.help);
    else
      flags.add_options()(name, po::value<std::string>()->value_name(flag.value), flag.help);
  };
  std::for_each(kFlags.begin(), kFlags.end(), add);
  if (for_plan) std::for_each(kPlanFlags.begin(), kPlanFlags.end(), add);
  std::cout << (for_plan ? "factsweep plan DECK [--section.key=value ...]: what a sweep would cost, "
                           "without computing\n"
                         : "mpirun -n R factsweep run DECK [--section.key=value ...]: the whole "
                           "sweep; the same command again goes on with it\n")
            << flags
            << "\nSections of the deck, by its run.study; --section.key=value replaces what the deck "
               "says of a key,\nand --print-deck lists the keys:\n";
  for (const Study& study : studies())
    std::cout << fmt::format("  {:<10} {}\n", study.name, sections_of(study));
}

Task read_task(const DeckArguments& arguments, const std::string& text) {
  const std::vector<std::string> names = study_names();
  OptionTable table;
  declare_study_option(table, names);
  const std::string named =
      Deck::peek(table, text, arguments.path, arguments.overrides).text("run.study");
  const auto place = std::find(names.begin(), names.end(), named) - names.begin();
  Task task{studies().at(static_cast<std::size_t>(place)), {}};
  task.deck = Deck::parse(table_of(task.study), text, arguments.path, arguments.overrides);
  return task;
}

}  // namespace factsweep::cli
