// The device that a process computes on. Nothing here needs torch's headers.
#pragma once

#include <optional>
#include <string>

namespace factsweep {

/// "cpu" or "cuda:1", by what run.device or --device says: "cpu", "cuda" (by the process's place on
/// its node) or "auto" (cuda where there is one). EnvironmentError: cuda is asked for, and none is
/// there.
std::string choose_device(const std::string& name, int local_rank);

struct DeviceMemory {
  double free = 0, total = 0;  // bytes
};
/// Precondition: `device` is no CPU. Nothing where this libtorch is too old to say.
std::optional<DeviceMemory> memory_of(const std::string& device);

/// CPU threads of this process's products.
void use_threads(int threads);

/// FLOP/s of square matrix products of that dtype on one thread of this machine, best of a few;
/// products use one thread from then on.
double measure_matrix_rate(const std::string& dtype);

std::string libtorch_version();

}  // namespace factsweep
