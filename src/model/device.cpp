#include "factsweep/model/device.hpp"

#include <ATen/Parallel.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <fmt/format.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>

#include "factsweep/core/error.hpp"
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

}  // namespace

std::string choose_device(const std::string& name, int local_rank) {
  const auto devices = static_cast<int>(torch::cuda::device_count());
  if (name == "cpu" || (name == "auto" && devices == 0)) return "cpu";
  if (devices == 0) {
    throw EnvironmentError(
        "run.device = cuda, but this process sees no CUDA device. Is the libtorch built with CUDA, "
        "and does the job ask for GPUs? Use run.device = cpu otherwise.");
  }
  return fmt::format("cuda:{}", local_rank % devices);
}

std::optional<DeviceMemory> memory_of(const std::string& device) {
  return ask_for_memory(torch::Device(device));
}

void use_threads(int threads) {
  at::set_num_threads(threads);
}

double measure_matrix_rate(const std::string& dtype) {
  const std::int64_t n = 768;
  const torch::Tensor a = torch::ones({n, n}, parse_dtype(dtype)), b = torch::ones_like(a);
  use_threads(1);
  double best = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    torch::mm(a, b);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, 2.0 * static_cast<double>(n * n * n) / seconds);
  }
  return best;
}

std::string libtorch_version() {
  return TORCH_VERSION;
}

}  // namespace factsweep
