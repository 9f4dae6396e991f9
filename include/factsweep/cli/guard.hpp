// Exceptions to one message and an exit code; the only catch of a program that ends.
#pragma once

#include <exception>
#include <functional>
#include <string>

#include "factsweep/core/error.hpp"

namespace factsweep::cli {

/// Prints what went wrong.
void report(const std::exception& error);

/// Runs `work`; the process's exit status.
int guarded(const std::function<ExitCode()>& work);

/// The help text: on --help or help with exit code 0, else an InputError that names `command`.
ExitCode usage(const std::string& command);

}  // namespace factsweep::cli
