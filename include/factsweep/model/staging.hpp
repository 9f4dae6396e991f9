// Numbers on their way between the host and a device. A GPU works on what was queued while the host
// goes on; a copy from ordinary memory waits until it has done all of it, one from pinned memory
// does not.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace factsweep {

/// Uninitialised numbers on the host, from where staged() has the shortest way to `device`.
torch::Tensor host_tensor(at::IntArrayRef shape, torch::Dtype dtype, torch::Device device);

/// A host tensor on `device`; on a CPU itself. Nothing waits for the copy but what reads it there.
torch::Tensor staged(const torch::Tensor& host, torch::Device device);

/// A list there: int64 [n], float32 [n].
torch::Tensor staged(const std::vector<std::int64_t>& list, torch::Device device);
torch::Tensor staged(const std::vector<float>& list, torch::Device device);

/// Lists of int64 there, all in one copy; a CPU too has them in one tensor. Views of [n_i].
std::vector<torch::Tensor> staged(std::span<const std::span<const std::int64_t>> lists,
                                  torch::Device device);

/// The values of scalar tensors on one device, in one copy: this waits for them.
std::vector<double> values_of(const std::vector<torch::Tensor>& scalars);

}  // namespace factsweep
