// The operators of the pretended device.
#pragma once

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>

namespace pretended {

/// While an operator computes: what it calls is no operator of the device, and records nothing.
struct AtWork {
  at::AutoDispatchBelowADInplaceOrView no_autograd;
};

/// What an operator made on the host, on the device.
at::Tensor on_device(const at::Tensor& made, c10::Device device);

/// Lets asynchronous copies to the host arrive.
void deliver_copies();

}  // namespace pretended
