#include "flags.hpp"

#include <fmt/format.h>

#include <iostream>

#include "factsweep/core/edit_distance.hpp"

namespace factsweep::cli {
namespace po = boost::program_options;
namespace {

constexpr const char* kTooMany = "too-many";

po::positional_options_description places(const po::options_description& options) {
  po::positional_options_description words;
  if (options.find_nothrow("file", /*approx=*/false) != nullptr) words.add("file", 1);
  return words.add(kTooMany, -1);
}

}  // namespace

std::string nearest_flag(const std::string& flag, const std::vector<std::string>& known) {
  std::string nearest;
  std::size_t best = 3;
  for (const std::string& one : known) {
    const std::size_t distance = edit_distance(flag, one);
    if (distance >= best) continue;
    best = distance;
    nearest = one;
  }
  return nearest;
}

InputError unknown_flag(const std::string& command, const std::string& word,
                        const std::vector<std::string>& known) {
  const std::string flag = word.substr(0, word.find('='));
  const std::string nearest = nearest_flag(flag, known);
  return InputError(fmt::format("command line: {} has no flag {}. {}{} --help lists its flags.",
                                command, flag,
                                nearest.empty() ? "" : fmt::format("Did you mean {}? ", nearest),
                                command));
}

bool parse_flags(const std::string& usage, const po::options_description& options,
                 const std::vector<std::string>& words, po::variables_map& values) {
  po::options_description all("Flags", 110);
  all.add(options).add_options()("help", "this text");
  try {
    using namespace po::command_line_style;
    // no guessing: --sample must not mean --samples
    const auto parsed = po::command_line_parser(words)
                            .options(all)
                            .positional(places(options))
                            .style(unix_style & ~allow_guessing)
                            .run();
    for (const po::option& option : parsed.options) {
      if (option.string_key == kTooMany)
        throw InputError(fmt::format("command line: '{}' is not understood. {}",
                                     option.value.front(), usage));
    }
    po::store(parsed, values);
    if (values.count("help") != 0) {
      std::cout << usage << "\n" << all;
      return false;
    }
    po::notify(values);
  } catch (const po::unknown_option& error) {
    std::vector<std::string> known;
    for (const auto& option : all.options()) known.push_back("--" + option->long_name());
    throw unknown_flag(usage.substr(0, usage.find(' ', usage.find(' ') + 1)),
                       error.get_option_name(), known);
  } catch (const po::error& error) {
    throw InputError(fmt::format("command line: {}. {}", error.what(), usage));
  }
  return true;
}

}  // namespace factsweep::cli
