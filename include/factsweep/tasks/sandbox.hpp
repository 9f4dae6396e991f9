// Runs Python that a model wrote, in a process that can neither write files, nor start processes,
// nor reach a network, and that is limited in time and memory (docs/tasks.md says how).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace factsweep {

struct SandboxLimits {
  double cpu_seconds = 10;   // rounded up to whole seconds
  double wall_seconds = 30;  // of one program from its confinement on; longer than the CPU time,
                             // for busy machines
  std::int64_t memory_bytes = std::int64_t{1} << 30;  // of address space
  std::int64_t output_bytes = 1 << 16;                // kept; what is printed beyond is dropped
};

struct SandboxResult {
  bool passed = false;
  bool stopped = false;         // ended by a limit (time, memory) or by a call that was denied
  std::string reason;           // why not: "AssertionError: ...", "CPU time limit", ...
  std::string output;           // the first bytes of what it printed
  bool own_namespaces = false;  // beside the system call filter: no root, no network interfaces
};

/// Runs `code`, then `tests` in the same names: passed when both come to their end. What the code
/// does is its failure, never an exception. EnvironmentError, and nothing was run: no python3 on
/// PATH, no process can be started, no way to confine it on this machine, not confined within a
/// minute.
SandboxResult run_python(std::string_view code, std::string_view tests,
                         const SandboxLimits& limits = {});

}  // namespace factsweep
