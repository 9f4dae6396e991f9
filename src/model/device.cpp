#include "factsweep/model/device.hpp"

#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <torch/cuda.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <stdexcept>

#include "factsweep/core/error.hpp"
#include "factsweep/core/memory.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/model/weights.hpp"

namespace factsweep {
namespace {

/// A template, as older libtorch does not declare what it calls: then nobody says.
template <typename Device>
std::optional<DeviceMemory> ask_for_memory(const Device& on) {
  if constexpr (requires { getDeviceAllocator(on.type())->getMemoryInfo(on.index()); }) {
    const auto [free, total] = getDeviceAllocator(on.type())->getMemoryInfo(on.index());
    return DeviceMemory{static_cast<double>(free), static_cast<double>(total)};
  } else {
    return std::nullopt;
  }
}

template <typename Device>
double take_allocated_peak(const Device& on) {
  if constexpr (requires { getDeviceAllocator(on.type())->resetPeakStats(on.index()); }) {
    auto* allocator = getDeviceAllocator(on.type());
    const auto peak = allocator->getDeviceStats(on.index()).allocated_bytes.front().peak;  // of all pools
    allocator->resetPeakStats(on.index());
    return static_cast<double>(peak);
  } else {
    return std::numeric_limits<double>::quiet_NaN();
  }
}

template <typename Device>
void empty_cache(const Device& of) {
  if constexpr (requires { getDeviceAllocator(of.type())->emptyCache(); })
    getDeviceAllocator(of.type())->emptyCache();
}

}  // namespace

GpuFacts gpu_facts() {
  GpuFacts facts;
  const auto& hooks = at::detail::getCUDAHooks();
  facts.libtorch_has_cuda = hooks.hasCUDART();
  if (facts.libtorch_has_cuda) facts.runtime = static_cast<int>(hooks.versionCUDART());
  if (void* library = ::dlopen("libcuda.so.1", RTLD_LAZY)) {
    using Version = int (*)(int*);
    const auto version = reinterpret_cast<Version>(::dlsym(library, "cuDriverGetVersion"));
    if (version != nullptr && version(&facts.driver) != 0) facts.driver = 0;
  }
  for (const char* sign : {"/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd"})
    facts.is_here = facts.is_here || ::access(sign, F_OK) == 0;
  for (const char* name :
       {"CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value == '\0') facts.hidden_by = name;
  }
  return facts;
}

std::string why_no_gpu(const GpuFacts& facts) {
  const auto version = [](int number) {
    return fmt::format("{}.{}", number / 1000, number % 1000 / 10);
  };
  if (!facts.libtorch_has_cuda) {
    return fmt::format(
        "this libtorch is built for CPUs alone{}. Build factsweep against a libtorch with CUDA or "
        "ROCm.",
        facts.is_here ? ", though the machine has a GPU" : "");
  }
  if (!facts.hidden_by.empty()) {
    return fmt::format(
        "{} is set and empty, which hides every GPU. Unset it, or ask the scheduler for GPUs.",
        facts.hidden_by);
  }
  if (facts.driver == 0 && facts.is_here)
    return "the machine has a GPU, but its driver is not there (libcuda.so.1). Install it; in a "
           "container, start that with its GPUs (docker --gpus all, apptainer --nv).";
  if (facts.driver == 0)
    return "neither a GPU nor a driver is there. Ask the scheduler for a GPU, or run on another "
           "node.";
  if (facts.runtime > 0 && facts.driver / 1000 < facts.runtime / 1000) {
    return fmt::format(
        "the driver is for CUDA {}, which is too old for this libtorch with CUDA {}. Install a newer "
        "driver, or build against a libtorch for CUDA {}.",
        version(facts.driver), version(facts.runtime), facts.driver / 1000);
  }
  return "the driver shows no GPU to this process. Ask the scheduler for a GPU, and look at "
         "nvidia-smi on the node.";
}

int gpu_count() {
  return static_cast<int>(torch::cuda::device_count());
}

std::string choose_device(const std::string& name, int local_rank) {
  const int devices = gpu_count();
  if (name == "cpu" || (name == "auto" && devices == 0)) return "cpu";
  if (devices == 0) {
    throw EnvironmentError(fmt::format("run.device = cuda: {} Or use run.device = cpu.",
                                       why_no_gpu(gpu_facts())));
  }
  return fmt::format("cuda:{}", local_rank % devices);
}

void check_dtype(const std::string& device, const std::string& dtype) {
  try {
    const torch::Tensor a =
        torch::ones({32, 32}, torch::dtype(parse_dtype(dtype)).device(torch::Device(device)));
    if (torch::mm(a, a).sum().item<double>() != 32 * 32 * 32)
      throw std::runtime_error("a product is wrong");
  } catch (const std::exception& error) {
    const std::string what = error.what();
    throw EnvironmentError(
        fmt::format("{}: cannot multiply matrices of {} ({}). Use {}, or another device.", device,
                    dtype, what.substr(0, what.find('\n')),
                    dtype == "bfloat16" ? "model.dtype = float32" : "run.device = cpu"));
  }
}

std::optional<DeviceMemory> memory_of(const std::string& device) {
  return ask_for_memory(torch::Device(device));
}

double take_peak_memory(const std::string& device) {
  const torch::Device on(device);
  return on.is_cpu() ? take_peak_memory() : take_allocated_peak(on);
}

void free_cached_memory(const std::string& device) {
  if (const torch::Device on(device); !on.is_cpu()) empty_cache(on);
}

std::string device_fault(const std::string& device) {
  constexpr std::int64_t kNumbers = std::int64_t{1} << 22;  // 16 MB, of which an idle machine has room
  try {
    free_cached_memory(device);
    const torch::Tensor ones =
        torch::ones({kNumbers}, torch::dtype(torch::kFloat32).device(torch::Device(device)));
    const auto sum = (ones + ones).sum().item<double>();
    if (sum == 2.0 * kNumbers) return "";
    return fmt::format("{} computes 2 x {} = {}", device, kNumbers, sum);
  } catch (const std::exception& error) {
    const std::string what = error.what();
    return fmt::format("{}: {}", device, what.substr(0, what.find('\n')));
  }
}

void use_threads(int threads) {
  at::set_num_threads(threads);
}

std::string libtorch_version() {
  return TORCH_VERSION;
}

}  // namespace factsweep
