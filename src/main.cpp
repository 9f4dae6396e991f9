// factsweep: how does fine-tuning change what a language model knows?
#include <algorithm>
#include <string>

#include "factsweep/cli/commands.hpp"
#include "factsweep/cli/guard.hpp"
#include "factsweep/core/memory.hpp"

int main(int argc, char** argv) {
  using namespace factsweep;
  return cli::guarded([&] {
    keep_freed_memory();
    bound_compiled_products();
    const std::string command = argc > 1 ? argv[1] : "--help";
    const cli::Words words(argv + std::min(argc, 2), argv + argc);
    if (command == "run") return cli::run(argc, argv, words);
    if (command == "plan") return cli::plan(words);
    if (command == "status") return cli::status(words);
    if (command == "world") return cli::world(words);
    if (command == "tokenize") return cli::tokenize(words);
    if (command == "generate") return cli::generate(words);
    if (command == "score") return cli::score(words);
    if (command == "embed") return cli::embed(words);
    if (command == "export") return cli::export_point(words);
    if (command == "questions") return cli::questions(words);
    if (command == "--version") return cli::version();
    return cli::usage(command);
  });
}
