// Flags of the desk commands, over Boost.Program_options.
#pragma once

#include <boost/program_options.hpp>
#include <string>
#include <vector>

namespace factsweep::cli {

/// Parses `words`; prints the help and returns false on --help. InputError for whatever Boost
/// refuses.
bool parse_flags(const std::string& usage,
                 const boost::program_options::options_description& options,
                 const std::vector<std::string>& words,
                 boost::program_options::variables_map& values);

}  // namespace factsweep::cli
