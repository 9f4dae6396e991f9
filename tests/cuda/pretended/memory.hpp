// Memory of the pretended devices. Each address of a tensor there is one that nobody may touch; the
// same pages are mapped a second time for the operators of this library.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/CachingDeviceAllocator.h>

namespace pretended {

/// FACTSWEEP_PRETENDED_DEVICES, else 2.
c10::DeviceIndex device_count();
/// The calling thread's.
c10::DeviceIndex current_device();
void set_current_device(c10::DeviceIndex index);

/// Bytes of a device that this process held at most.
std::size_t most_held(c10::DeviceIndex index);

c10::DeviceAllocator& device_allocator();
c10::Allocator& pinned_allocator();
bool is_pinned(const void* address);

/// A CPU tensor over the same elements; a CPU tensor itself.
at::Tensor on_host(const at::Tensor& tensor);
/// Where this library reaches an address of a device.
void* reachable(const void* address);

}  // namespace pretended
