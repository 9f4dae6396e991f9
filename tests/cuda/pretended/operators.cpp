// Operators compute on the CPU, over the memory that only this library reaches, and refuse what a
// CUDA device refuses. What is made of other operators by libtorch is made so here too.
#include "operators.hpp"

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/native/DispatchStub.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "counts.hpp"
#include "memory.hpp"

namespace pretended {
namespace {

using at::Tensor;
using c10::IValue;

struct Arrival {
  Tensor to, what;
};
std::mutex arrivals_mutex;
std::vector<Arrival>& arrivals() {
  static auto& list = *new std::vector<Arrival>;
  return list;
}

/// CUDA's kernels of these take indices that lie on the host, and copy them; of aten::index libtorch
/// has done so before it comes here, and has waited for the number of a mask's elements.
const std::set<std::string> kTakesHostIndices = {"aten::index", "aten::index_put",
                                                 "aten::index_put_", "aten::_index_put_impl_"};
/// The size of what these give, or whether it exists, is known only when the device is done.
const std::set<std::string> kWaits = {"aten::nonzero",      "aten::masked_select", "aten::_unique2",
                                      "aten::unique_dim",   "aten::unique_consecutive",
                                      "aten::equal",        "aten::bincount",
                                      "aten::_linalg_svd",  "aten::_linalg_eigh"};

/// What an operator was called with.
class Call {
 public:
  Call(const c10::OperatorHandle& op, torch::jit::Stack& stack)
      : op_(op), schema_(op.schema()), name_(schema_.operator_name().name), stack_(stack) {
    const auto first = stack.end() - static_cast<std::ptrdiff_t>(schema_.arguments().size());
    given_.assign(first, stack.end());
    stack.erase(first, stack.end());
    for (const IValue& value : given_) look(value);
    TORCH_CHECK(device_.has_value(), name_, ": no device (pretended)");
  }

  void run() {
    check_devices();
    const bool counts_mask = has_mask_as_index_ && name_ != "aten::index";
    if (kWaits.contains(name_) || counts_mask) synchronise();
    torch::jit::Stack inner;
    {
      const AtWork at_work;
      for (std::size_t i = 0; i < given_.size(); ++i)
        inner.push_back(schema_.arguments()[i].is_out() ? fresh(given_[i]) : host(given_[i]));
      const std::vector<IValue> passed = inner;
      op_.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), &inner);
      for (std::size_t i = 0; i < given_.size(); ++i) {
        if (schema_.arguments()[i].is_out()) fill(given_[i].toTensor(), passed[i].toTensor());
      }
    }
    bool launched = inner.empty() && touched_;
    for (std::size_t i = 0; i < inner.size(); ++i) {
      launched = launched || has_elements(inner[i]);
      stack_.push_back(result(i, inner[i]));
    }
    if (launched) count_launch(name_);
  }

 private:
  void look(const IValue& value) {
    if (value.isDevice() && !device_) {
      device_ = value.toDevice();
    } else if (value.isTensor()) {
      look(value.toTensor());
    } else if (value.isTensorList()) {
      for (const Tensor& tensor : value.toTensorVector()) look(tensor);
    } else if (value.isOptionalTensorList()) {
      for (const std::optional<Tensor>& tensor : value.toOptionalTensorVector()) {
        if (!tensor.has_value()) continue;
        look(*tensor);
        has_mask_as_index_ = has_mask_as_index_ || tensor->scalar_type() == at::kBool;
      }
    }
  }
  void look(const Tensor& tensor) {
    if (!tensor.defined()) return;
    touched_ = touched_ || tensor.numel() > 0;
    if (tensor.is_cuda()) {
      if (!device_) device_ = tensor.device();
      others_ = others_ || tensor.device() != *device_;
    } else {
      host_ = host_ || tensor.dim() > 0;
    }
  }

  void check_devices() const {
    TORCH_CHECK(!others_, "Expected all tensors to be on the same device, but ", name_,
                " was given some of two (pretended) devices.");
    if (!host_) return;
    TORCH_CHECK(kTakesHostIndices.contains(name_),
                "Expected all tensors to be on the same device, but ", name_,
                " was given one on the CPU and one on a (pretended) device.");
    if (name_ == "aten::index") return;
    count_copy_to_device();
    synchronise();
  }

  static bool has_elements(const IValue& value) {
    if (value.isTensor()) return value.toTensor().defined() && value.toTensor().numel() > 0;
    return !value.isTensorList() || !value.toTensorVector().empty();
  }

  static IValue host(const IValue& value) {
    if (value.isTensor()) return on_host(value.toTensor());
    if (value.isTensorList()) {
      c10::List<Tensor> list;
      for (const Tensor& tensor : value.toTensorVector()) list.push_back(on_host(tensor));
      return list;
    }
    if (value.isOptionalTensorList()) {
      c10::List<std::optional<Tensor>> list;
      for (const std::optional<Tensor>& tensor : value.toOptionalTensorVector())
        list.push_back(tensor.has_value() ? std::optional(on_host(*tensor)) : std::nullopt);
      return list;
    }
    if (value.isDevice()) return c10::Device(c10::kCPU);
    return value;
  }

  /// An `out` tensor takes whatever size the result has.
  static IValue fresh(const IValue& value) {
    TORCH_CHECK(value.isTensor(), "a list of outputs (pretended device)");
    return at::empty({0}, at::TensorOptions().dtype(value.toTensor().dtype()));
  }
  static void fill(const Tensor& out, const Tensor& made) {
    if (out.sizes() != made.sizes()) out.resize_(made.sizes());
    on_host(out).copy_(made);
  }

  /// Result `i` on the device; one that was written in place is the tensor that was given.
  IValue result(std::size_t i, const IValue& made) const {
    const c10::AliasInfo* alias = schema_.returns()[i].alias_info();
    if (alias != nullptr) {
      TORCH_CHECK(alias->isWrite(), name_, " gives a view: not known to the pretended device");
      for (std::size_t j = 0; j < given_.size(); ++j) {
        const c10::AliasInfo* argument = schema_.arguments()[j].alias_info();
        if (argument != nullptr && *argument == *alias) return given_[j];
      }
      TORCH_CHECK(false, name_, ": no argument is what it gives");
    }
    if (made.isTensor()) return on_device(made.toTensor(), *device_);
    if (made.isTensorList()) {
      c10::List<Tensor> list;
      for (const Tensor& tensor : made.toTensorVector())
        list.push_back(on_device(tensor, *device_));
      return list;
    }
    return made;
  }
  const c10::OperatorHandle& op_;
  const c10::FunctionSchema& schema_;
  const std::string name_;
  torch::jit::Stack& stack_;
  std::vector<IValue> given_;
  std::optional<c10::Device> device_;
  bool host_ = false, others_ = false, has_mask_as_index_ = false, touched_ = false;
};

void run(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  Call(op, *stack).run();
}

Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
             std::optional<at::Device> device, std::optional<bool>,
             std::optional<at::MemoryFormat> format) {
  const c10::OptionalDeviceGuard guard(device);
  return at::detail::empty_generic(size, &device_allocator(),
                                   c10::DispatchKeySet(c10::DispatchKey::CUDA),
                                   c10::dtype_or_default(dtype), format);
}

Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride,
                     std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                     std::optional<at::Device> device, std::optional<bool>) {
  const c10::OptionalDeviceGuard guard(device);
  return at::detail::empty_strided_generic(size, stride, &device_allocator(),
                                           c10::DispatchKeySet(c10::DispatchKey::CUDA),
                                           c10::dtype_or_default(dtype));
}

/// Counted as libtorch's CUDA copies: what is no plain copy of bytes is made plain on the device
/// first, and a host that asked for no asynchronous copy waits. An asynchronous one to pinned memory
/// arrives with the next synchronisation.
Tensor& copy(Tensor& self, const Tensor& source, bool non_blocking) {
  if (self.numel() == 0) return self;
  const bool same_order =
      (self.is_contiguous() && source.is_contiguous()) ||
      (self.strides() == source.strides() && source.is_non_overlapping_and_dense());
  const bool plain = self.scalar_type() == source.scalar_type() &&
                     self.sizes() == source.sizes() && same_order;
  bool arrives_later = false;
  if (self.is_cuda() && source.is_cuda()) {
    count_launch("aten::copy_");
  } else if (self.is_cuda()) {
    count_copy_to_device();
    if (!plain && !self.is_contiguous()) count_launch("aten::copy_");
    if (!non_blocking) synchronise();
  } else {
    count_copy_to_host();
    if (!plain) count_launch("aten::copy_");
    arrives_later = non_blocking && is_pinned(self.data_ptr());
    if (!arrives_later) synchronise();
  }
  const AtWork at_work;
  if (arrives_later) {
    const std::lock_guard lock(arrivals_mutex);
    arrivals().push_back({self.detach(), on_host(source).clone()});
  } else {
    on_host(self).copy_(on_host(source));
  }
  return self;
}

at::Scalar number(const Tensor& self) {
  count_copy_to_host();
  synchronise();
  const AtWork at_work;
  return on_host(self).item();
}

const Tensor& resize(const Tensor& self, at::IntArrayRef size, std::optional<at::MemoryFormat>) {
  auto* impl = self.unsafeGetTensorImpl();
  impl->set_sizes_contiguous(size);
  const std::size_t needed = at::detail::computeStorageNbytesContiguous(
      size, self.dtype().itemsize(), static_cast<std::size_t>(self.storage_offset()));
  const c10::Storage& storage = self.storage();
  if (needed > storage.nbytes()) {
    const c10::DeviceGuard guard(self.device());
    c10::DataPtr larger = device_allocator().allocate(needed);
    if (storage.nbytes() > 0)
      device_allocator().copy_data(larger.get(), storage.data(), storage.nbytes());
    storage.unsafeGetStorageImpl()->set_data_ptr_noswap(std::move(larger));
    storage.unsafeGetStorageImpl()->set_nbytes(needed);
  }
  return self;
}

Tensor& set(Tensor& self, c10::Storage source, std::int64_t offset, at::IntArrayRef size,
            at::IntArrayRef stride) {
  auto* impl = self.unsafeGetTensorImpl();
  impl->set_storage_keep_dtype(std::move(source));
  impl->set_storage_offset(offset);
  impl->set_sizes_and_strides(size, stride);
  return self;
}

Tensor as_strided(const Tensor& self, at::IntArrayRef size, at::IntArrayRef stride,
                  std::optional<std::int64_t> offset) {
  return at::native::as_strided_tensorimpl(self, size, stride, offset);
}

TORCH_LIBRARY_IMPL(_, CUDA, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&run>());
}
TORCH_LIBRARY_IMPL(aten, CUDA, m) {
  m.impl("empty.memory_format", &empty);
  m.impl("empty_strided", &empty_strided);
  m.impl("copy_", &copy);
  m.impl("_local_scalar_dense", &number);
  m.impl("resize_", &resize);
  m.impl("set_.source_Storage_storage_offset", &set);
  m.impl("view", &at::native::view);
  m.impl("unfold", &at::native::unfold);
  m.impl("as_strided", &as_strided);
  m.impl("_reshape_alias", &at::native::_reshape_alias);
  // of lists of tensors CUDA has one kernel, where others take the tensors one by one
  for (const c10::OperatorName& op : c10::Dispatcher::singleton().getAllOpNames()) {
    if (op.name.starts_with("aten::_foreach_")) {
      const std::string name =
          op.overload_name.empty() ? op.name : op.name + "." + op.overload_name;
      m.impl(name.c_str(), torch::CppFunction::makeFromBoxedFunction<&run>());
    }
  }
}

}  // namespace

Tensor on_device(const Tensor& made, c10::Device device) {
  if (!made.defined()) return made;
  const AtWork at_work;
  const c10::DeviceGuard guard(device);
  Tensor result = at::detail::empty_strided_generic(
      made.sizes(), made.strides(), &device_allocator(),
      c10::DispatchKeySet(c10::DispatchKey::CUDA), made.scalar_type());
  if (made.numel() > 0) on_host(result).copy_(made);
  return result;
}

void deliver_copies() {
  std::vector<Arrival> due;
  {
    const std::lock_guard lock(arrivals_mutex);
    due.swap(arrivals());
  }
  const AtWork at_work;
  for (Arrival& arrival : due) arrival.to.copy_(arrival.what);
}

}  // namespace pretended
