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

/// Whether oneDNN's fused products can be used on `x`. It has those in bfloat16 only for processors
/// with AVX-512 or the like, and throws elsewhere: tried once.
bool is_fused(const Tensor& x) {
  if (!x.is_cpu() || !unary_operator() || !binary_operator()) return false;
  if (x.scalar_type() == torch::kFloat32) return true;
  static const bool has_bfloat16 = [] {
    const Tensor one = torch::ones({16, 16}, torch::kBFloat16), bias = one[0];
    try {
      unary(unary_operator(), one, {one, bias}, "none");
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }();
  return has_bfloat16 && x.scalar_type() == torch::kBFloat16;
}

/// On a processor without such products what they compute is computed in float32: rounded once, as
/// they do, after what follows the product.
bool is_wide(const Tensor& x) {
  return x.is_cpu() && x.scalar_type() != torch::kFloat32;
}

Tensor wide(const Tensor& x, const Linear& layer) {
  return at::linear(x.to(torch::kFloat32), layer.weight.to(torch::kFloat32),
                    layer.bias.to(torch::kFloat32));
}

}  // namespace

Tensor linear(const Tensor& x, const Linear& layer) {
  if (is_fused(x)) return unary(unary_operator(), x, layer, "none");
  return at::linear(x, layer.weight, layer.bias);
}

Tensor linear_gelu(const Tensor& x, const Linear& layer) {
  if (is_fused(x)) return unary(unary_operator(), x, layer, "gelu");
  if (is_wide(x)) return at::gelu(wide(x, layer)).to(x.scalar_type());
  Tensor y = at::linear(x, layer.weight, layer.bias);
  return at::gelu_(y);
}

Tensor linear_add(const Tensor& x, const Linear& layer, const Tensor& residual) {
  if (is_fused(x)) return call(binary_operator(), x, residual, layer.weight, layer.bias, "add");
  if (is_wide(x)) return wide(x, layer).add_(residual).to(x.scalar_type());
  return at::linear(x, layer.weight, layer.bias).add_(residual);
}

}  // namespace factsweep::encoder
