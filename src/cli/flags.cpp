#include "flags.hpp"

#include <fmt/format.h>

#include <iostream>

#include "factsweep/core/error.hpp"

namespace factsweep::cli {
namespace po = boost::program_options;

bool parse_flags(const std::string& usage, const po::options_description& options,
                 const std::vector<std::string>& words, po::variables_map& values) {
  po::options_description all("Flags", 110);
  all.add(options).add_options()("help", "this text");
  try {
    using namespace po::command_line_style;
    // no guessing: --sample must not mean --samples
    po::store(po::command_line_parser(words)
                  .options(all)
                  .positional({})
                  .style(unix_style & ~allow_guessing)
                  .run(),
              values);
    if (values.count("help") != 0) {
      std::cout << usage << "\n" << all;
      return false;
    }
    po::notify(values);
  } catch (const po::error& error) {
    throw InputError(fmt::format("command line: {}. {}", error.what(), usage));
  }
  return true;
}

}  // namespace factsweep::cli
