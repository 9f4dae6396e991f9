#include "factsweep/adapter/finite.hpp"

#include <fmt/format.h>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

void check_finite(const std::string& file, const std::string& name, const torch::Tensor& tensor) {
  if (!tensor.is_floating_point()) return;  // the reader of the adapter says so
  // floats of one byte have no test of their own
  const torch::Tensor values = tensor.element_size() == 1 ? tensor.to(torch::kFloat32) : tensor;
  if (values.isfinite().all().item<bool>()) return;
  throw InputError(
      fmt::format("{}: the tensor '{}' holds nan or infinity: the training of the adapter "
                  "diverged, or the file "
                  "is damaged.",
                  file, name));
}

}  // namespace factsweep
