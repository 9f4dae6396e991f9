// The device that a process computes on. Nothing here needs torch's headers.
#pragma once

#include <optional>
#include <string>

namespace factsweep {

/// What decides whether a GPU can be used.
struct GpuFacts {
  bool libtorch_has_cuda = false;  // or ROCm
  int runtime = 0, driver = 0;     // CUDA versions, 13000 for 13.0; 0: not known, or no driver
  bool is_here = false;            // the system shows a GPU
  std::string hidden_by;           // "CUDA_VISIBLE_DEVICES", where that is set and empty
};
GpuFacts gpu_facts();
/// Why no GPU can be used though devices are asked for, and what to do about it; a sentence or two.
std::string why_no_gpu(const GpuFacts& facts);

/// "cpu" or "cuda:1", by what run.device or --device says: "cpu", "cuda" (by the process's place on
/// its node) or "auto" (cuda where there is one). EnvironmentError: cuda is asked for, and none can
/// be used.
std::string choose_device(const std::string& name, int local_rank);
/// GPUs that this process sees.
int gpu_count();

/// EnvironmentError: `device`, no CPU, cannot multiply matrices of this dtype (model.dtype).
void check_dtype(const std::string& device, const std::string& dtype);

struct DeviceMemory {
  double free = 0, total = 0;  // bytes
};
/// Precondition: `device` is no CPU. Nothing where this libtorch is too old to say.
std::optional<DeviceMemory> memory_of(const std::string& device);

/// Bytes that this process holds on `device`, of a CPU beyond what it held at the first call: the most
/// since the last call. NaN where nobody can tell.
double take_peak_memory(const std::string& device);

/// Gives memory back that libtorch keeps for later; of a CPU, and where this libtorch is too old to
/// be asked, nothing.
void free_cached_memory(const std::string& device);

/// Why this process cannot compute on `device` any more, tried by a small operator and a wait for
/// its result; empty: it can. A CUDA error that ends a device's context is met again here. Gives
/// cached memory back first.
std::string device_fault(const std::string& device);

/// CPU threads of this process's products.
void use_threads(int threads);

std::string libtorch_version();

}  // namespace factsweep
