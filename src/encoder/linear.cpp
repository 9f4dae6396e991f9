#include "linear.hpp"

#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>
#include <utility>

#include "factsweep/model/torch.hpp"

namespace factsweep::encoder {
namespace {

using torch::Tensor;
using Operator = std::optional<c10::OperatorHandle>;

/// An operator of torch that has no function in its C++ interface; not there in builds without
/// oneDNN.
Operator find(const char* overload) {
  return c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", overload});
}

/// Unboxed calls would tie us to the argument types of one version.
template <typename... Arguments>
Tensor call(const Operator& op, Arguments&&... arguments) {
  torch::jit::Stack stack;
  torch::jit::push(stack, std::forward<Arguments>(arguments)...);
  op->callBoxed(stack);
  return stack.front().toTensor();
}

Tensor unary(const Operator& op, const Tensor& x, const Linear& layer, const char* then) {
  return call(op, x, layer.weight, layer.bias, then, c10::List<std::optional<at::Scalar>>(),
              "none");
}

const Operator& unary_operator() {
  static const Operator found = find("");
  return found;
}

const Operator& binary_operator() {
  static const Operator found = find("binary");
  return found;
}

}  // namespace

Tensor linear(const Tensor& x, const Linear& layer) {
  if (x.is_cpu() && unary_operator()) return unary(unary_operator(), x, layer, "none");
  return at::linear(x, layer.weight, layer.bias);
}

Tensor linear_gelu(const Tensor& x, const Linear& layer) {
  if (x.is_cpu() && unary_operator()) return unary(unary_operator(), x, layer, "gelu");
  Tensor y = at::linear(x, layer.weight, layer.bias);
  return at::gelu_(y);
}

Tensor linear_add(const Tensor& x, const Linear& layer, const Tensor& residual) {
  if (x.is_cpu() && binary_operator())
    return call(binary_operator(), x, residual, layer.weight, layer.bias, "add");
  return at::linear(x, layer.weight, layer.bias).add_(residual);
}

}  // namespace factsweep::encoder
