#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

torch::Dtype torch_dtype(DType dtype) {
  require(dtype == DType::float32 || dtype == DType::bfloat16, "weights are float32 or bfloat16");
  return dtype == DType::bfloat16 ? torch::kBFloat16 : torch::kFloat32;
}

}  // namespace

Array to_array(const torch::Tensor& tensor, DType dtype) {
  const torch::Tensor whole = tensor.detach().to(torch_dtype(dtype)).cpu().contiguous();
  Array array{dtype, 0, std::vector<std::byte>(whole.nbytes())};
  std::memcpy(array.bytes.data(), whole.data_ptr(), whole.nbytes());
  return array;
}

torch::Tensor to_tensor(const Array& array, at::IntArrayRef shape) {
  torch::Tensor tensor = torch::empty(shape, torch_dtype(array.dtype));
  require(tensor.nbytes() == array.bytes.size(), "to_tensor: the array has another size");
  std::memcpy(tensor.data_ptr(), array.bytes.data(), array.bytes.size());
  return tensor.to(torch::kFloat32);
}

}  // namespace factsweep
