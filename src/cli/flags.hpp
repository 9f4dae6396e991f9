// Flags of commands, over Boost.Program_options.
#pragma once

#include <boost/program_options.hpp>
#include <string>
#include <vector>

#include "factsweep/core/error.hpp"

namespace factsweep::cli {

/// Of `word`, a flag that `command` ("factsweep plan") does not have: the nearest of those that it
/// has, where one is near.
InputError unknown_flag(const std::string& command, const std::string& word,
                        const std::vector<std::string>& known);

/// The one of `known` within two letters of `flag`; empty: none.
std::string nearest_flag(const std::string& flag, const std::vector<std::string>& known);

/// Parses `words`; prints the help and returns false on --help. A word that is no flag is the value
/// of "file", where the command has that. `usage` begins with "factsweep COMMAND ". InputError for
/// whatever Boost refuses.
bool parse_flags(const std::string& usage,
                 const boost::program_options::options_description& options,
                 const std::vector<std::string>& words,
                 boost::program_options::variables_map& values);

}  // namespace factsweep::cli
