// Runs Python that a model wrote, in a process that can neither write files, nor start processes,
// nor reach a network, and that is limited in time and memory (docs/tasks.md says how).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace factsweep {

struct SandboxLimits {
  double cpu_seconds = 10;   // rounded up to whole seconds
  double wall_seconds = 30;  // of one program; longer than the CPU time, for busy machines
  std::int64_t memory_bytes = std::int64_t{1} << 30;  // of address space
  std::int64_t output_bytes = 1 << 16;                // kept; what is printed beyond is dropped
};

struct SandboxResult {
  bool passed = false;
  std::string reason;           // why not: "AssertionError: ...", "CPU time limit", ...
  std::string output;           // the first bytes of what it printed
  bool own_namespaces = false;  // beside the system call filter: no root, no network interfaces
  double seconds = 0;           // wall clock
};

/// Runs `code`, then `tests` in the same names: passed when both come to their end. What the code
/// does is its failure, never an exception. EnvironmentError: no python3 on PATH, no way to confine
/// the process on this machine (nothing was run then), no process can be started.
SandboxResult run_python(std::string_view code, std::string_view tests,
                         const SandboxLimits& limits = {});

}  // namespace factsweep
