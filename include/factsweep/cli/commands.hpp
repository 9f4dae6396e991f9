// The commands of the program, one function each. They return the exit code or throw (error.hpp).
#pragma once

#include <string>
#include <vector>

#include "factsweep/core/error.hpp"

namespace factsweep::cli {

/// What follows the command's name on the command line.
using Words = std::vector<std::string>;

ExitCode run(int& argc, char**& argv, const Words& words);  // the sweep, under MPI
ExitCode plan(const Words& words);
ExitCode status(const Words& words);
ExitCode world(const Words& words);
ExitCode tokenize(const Words& words);
ExitCode generate(const Words& words);
ExitCode score(const Words& words);
ExitCode embed(const Words& words);
ExitCode export_point(const Words& words);
ExitCode questions(const Words& words);
ExitCode version();

}  // namespace factsweep::cli
