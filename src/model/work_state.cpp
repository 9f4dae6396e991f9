#include "factsweep/edit/edit_state.hpp"

#include <fmt/format.h>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

torch::Tensor EditState::at(const std::string& name, at::IntArrayRef shape) const {
  for (const auto& [found, tensor] : tensors) {
    if (found != name) continue;
    bool fits = tensor.dim() == static_cast<std::int64_t>(shape.size());
    for (std::size_t axis = 0; fits && axis < shape.size(); ++axis)
      fits = shape[axis] < 0 || tensor.size(static_cast<std::int64_t>(axis)) == shape[axis];
    if (fits) return tensor;
  }
  throw InputError(fmt::format("the checkpoint of the edits has no tensor '{}' of the right shape. "
                               "Remove the checkpoint.",
                               name));
}

}  // namespace factsweep
