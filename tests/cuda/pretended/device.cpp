// A CUDA device that is pretended, for a libtorch that knows only the CPU: preloaded (LD_PRELOAD) or
// linked, and a program that runs on torch::kCUDA runs here, with what makes a GPU different kept:
//   - the host cannot touch a device's memory: a stray data_ptr() is a segmentation fault
//   - an operator that gets tensors of two devices, or of a device and the host, is refused
//   - fresh memory is full of nan; an asynchronous copy to pinned memory arrives at a synchronisation
//   - backward runs on the device's own thread
//   - launches, copies and synchronisations are counted (counts.hpp)
// FACTSWEEP_PRETENDED_DEVICES (2), FACTSWEEP_PRETENDED_MEMORY (bytes of each, 16 GiB) and
// FACTSWEEP_PRETENDED_REPORT (a file to which a process adds its counts at exit) say more.
#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <memory>

#include "counts.hpp"
#include "memory.hpp"

namespace pretended {
namespace {

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return c10::kCUDA; }
  c10::Device getDevice() const override { return {c10::kCUDA, current_device()}; }
  void setDevice(c10::Device device) const override { set_current_device(device.index()); }
  void uncheckedSetDevice(c10::Device device) const noexcept override { setDevice(device); }
  c10::Device exchangeDevice(c10::Device device) const override {
    const c10::Device before = getDevice();
    setDevice(device);
    return before;
  }
  c10::DeviceIndex deviceCount() const noexcept override { return device_count(); }

  // one stream a device
  c10::Stream getDefaultStream(c10::Device device) const override {
    return c10::Stream(c10::Stream::DEFAULT, device);
  }
  c10::Stream getStream(c10::Device device) const override { return getDefaultStream(device); }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override {
    return getDefaultStream(device);
  }
  c10::Stream getNewStream(c10::Device device, int) const override {
    return getDefaultStream(device);
  }
  c10::Stream exchangeStream(c10::Stream stream) const override {
    return getDefaultStream(stream.device());
  }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override { synchronise(); }
  void synchronizeDevice(c10::DeviceIndex) const override { synchronise(); }

  void record(void**, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return false; }
  void synchronizeEvent(void*) const override { synchronise(); }
};
C10_REGISTER_GUARD_IMPL(CUDA, Guard)

const bool allocator_set = [] {
  c10::SetAllocator(c10::kCUDA, &device_allocator(), 100);
  return true;
}();

}  // namespace
}  // namespace pretended

namespace at {  // where the registry is declared

struct PretendedHooks final : CUDAHooksInterface {
  void init() const override {}
  bool hasCUDA() const override { return true; }
  bool hasCUDART() const override { return true; }
  long versionCUDART() const override { return 13000; }
  bool isAvailable() const override { return true; }
  bool isBuilt() const override { return true; }
  bool hasPrimaryContext(DeviceIndex) const override { return true; }
  DeviceIndex deviceCount() const override { return pretended::device_count(); }
  int getNumGPUs() const override { return pretended::device_count(); }
  DeviceIndex getCurrentDevice() const override { return pretended::current_device(); }
  DeviceIndex current_device() const override { return pretended::current_device(); }
  void setCurrentDevice(DeviceIndex index) const override { pretended::set_current_device(index); }
  DeviceIndex exchangeDevice(DeviceIndex index) const override {
    const DeviceIndex before = pretended::current_device();
    pretended::set_current_device(index);
    return before;
  }
  DeviceIndex maybeExchangeDevice(DeviceIndex index) const override {
    return index < 0 ? pretended::current_device() : exchangeDevice(index);
  }
  void deviceSynchronize(DeviceIndex) const override { pretended::synchronise(); }
  Allocator* getCUDADeviceAllocator() const override { return &pretended::device_allocator(); }
  Allocator* getPinnedMemoryAllocator() const override { return &pretended::pinned_allocator(); }
  bool isPinnedPtr(const void* data) const override { return pretended::is_pinned(data); }
  const Generator& getDefaultGenerator(DeviceIndex) const override {
    return detail::getDefaultCPUGenerator();
  }
};
C10_REGISTER_TYPED_CREATOR(CUDAHooksRegistry, "CUDAHooks", [](CUDAHooksArgs) {
  return std::unique_ptr<CUDAHooksInterface>(new PretendedHooks);
})

}  // namespace at
