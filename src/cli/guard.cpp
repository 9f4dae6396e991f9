#include "factsweep/cli/guard.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <new>

#include "factsweep/core/console.hpp"

namespace factsweep::cli {
namespace {

constexpr const char* kUsage =
    R"(factsweep: how does fine-tuning change what a language model knows?

  mpirun -n R factsweep run DECK [--section.key=value ...]   the whole sweep; run again to go on
  factsweep run DECK --print-deck                            the effective deck, with comments
  factsweep plan DECK [--ranks R] [--section.key=value ...]  what a sweep would cost
    [--device h100 | --device-memory 80GB --flops 4e14] [--ranks-per-device N] [--seen FILE]  there, and whether it fits
  factsweep status FILE [--follow] [--stages]                how far a sweep is; which stages run, failed, took long
  factsweep world --output DIR [--help]                      an invented world and a small model trained on it
  factsweep tokenize | generate | score --model DIR [--help] one model at a desk, JSON lines in and out
  factsweep embed --model DIR [--help]                       sentence embeddings by an encoder, JSON lines in, JSON lines or .npy out
  factsweep export FILE --point ID --model DIR --output DIR  a fine-tuned model as a Hugging Face directory
  factsweep questions FILE [--point ID] [--output CSV]       what was asked, what is right, what models said: one table
  factsweep questions FILE --row N --prompt[=label|train|p_true]   a prompt exactly as it was asked
  factsweep COMMAND --help                                   the command's flags; of run and plan also a deck's sections
  factsweep --version                                        version, commit and libraries

Exit codes: 0 done, 1 bug, 2 bad deck or flag, 3 environment, 4 some points failed, 5 stopped with work left.
)";

}  // namespace

void report(const std::exception& error) {
  console::end_progress();
  const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  console::write_error(memory ? "out of memory." : error.what());
}

int guarded(const std::function<ExitCode()>& work) {
  try {
    return static_cast<int>(work());
  } catch (const std::exception& error) {
    report(error);
    return static_cast<int>(exit_code(error));
  }
}

ExitCode usage(const std::string& command) {
  if (command != "--help" && command != "-h" && command != "help") {
    throw InputError(
        fmt::format("'{}' is no command of factsweep. Known: run, plan, status, world, tokenize, "
                    "generate, score, embed, export, questions, --help, --version.",
                    command));
  }
  std::fputs(kUsage, stdout);
  return ExitCode::done;
}

}  // namespace factsweep::cli
