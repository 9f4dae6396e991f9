#include "moments.hpp"

#include <fmt/format.h>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

torch::Tensor moment_of(const SecondMoments& moments, std::int64_t layer, torch::Device device) {
  const auto found = moments.by_layer.find(layer);
  require(found != moments.by_layer.end(), "moment_of: second moments of another layer");
  return found->second.to(device);
}

torch::Tensor factor(const torch::Tensor& matrix_FF, const SecondMoments& moments,
                     std::int64_t layer) {
  const auto [lower, failed] = at::linalg_cholesky_ex(matrix_FF);
  // fewer tokens than keys leave directions unseen, which rounding may hide
  if (failed.item<std::int64_t>() != 0 || moments.tokens < matrix_FF.size(0)) {
    throw InputError(fmt::format(
        "the second moment of layer {} cannot be inverted: the {} tokens of text that it is from "
        "do not reach all {} of the layer's keys. Give more, or more varied, text.",
        layer, moments.tokens, matrix_FF.size(0)));
  }
  return lower;
}

}  // namespace factsweep
