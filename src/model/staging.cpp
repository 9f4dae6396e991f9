#include "factsweep/model/staging.hpp"

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

/// Whether this libtorch can pin memory; one that pretends to have a GPU may not.
bool can_pin() {
  static const bool can = [] {
    try {
      torch::empty({1}, torch::TensorOptions().pinned_memory(true));
      return true;
    } catch (const c10::Error&) {
      return false;
    }
  }();
  return can;
}

template <typename T>
torch::Tensor staged_list(const std::vector<T>& list, torch::Dtype dtype, torch::Device device) {
  const torch::Tensor host =
      host_tensor({static_cast<std::int64_t>(list.size())}, dtype, device);
  std::copy(list.begin(), list.end(), host.data_ptr<T>());
  return staged(host, device);
}

}  // namespace

torch::Tensor host_tensor(at::IntArrayRef shape, torch::Dtype dtype, torch::Device device) {
  return torch::empty(
      shape, torch::TensorOptions().dtype(dtype).pinned_memory(device.is_cuda() && can_pin()));
}

torch::Tensor staged(const torch::Tensor& host, torch::Device device) {
  return host.to(device, /*non_blocking=*/true);
}

torch::Tensor staged(const std::vector<std::int64_t>& list, torch::Device device) {
  return staged_list(list, torch::kInt64, device);
}

torch::Tensor staged(const std::vector<float>& list, torch::Device device) {
  return staged_list(list, torch::kFloat32, device);
}

std::vector<torch::Tensor> staged(std::span<const std::span<const std::int64_t>> lists,
                                  torch::Device device) {
  std::int64_t count = 0;
  for (const auto& list : lists) count += static_cast<std::int64_t>(list.size());
  const torch::Tensor host = host_tensor({count}, torch::kInt64, device);
  auto* next = host.data_ptr<std::int64_t>();
  for (const auto& list : lists) next = std::copy(list.begin(), list.end(), next);
  const torch::Tensor all = staged(host, device);
  std::vector<torch::Tensor> parts;
  count = 0;
  for (const auto& list : lists) {
    const auto size = static_cast<std::int64_t>(list.size());
    parts.push_back(all.narrow(0, count, size));
    count += size;
  }
  return parts;
}

std::vector<double> values_of(const std::vector<torch::Tensor>& scalars) {
  require(!scalars.empty(), "values_of: of nothing");
  torch::NoGradGuard no_grad;
  const torch::Tensor values =
      torch::stack(scalars).to(torch::kCPU, torch::kFloat64).contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

}  // namespace factsweep
