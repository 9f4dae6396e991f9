#include "adam.hpp"

#include <cmath>

#include "factsweep/model/torch.hpp"

namespace factsweep {

void Adam::step(torch::Tensor& parameter, const torch::Tensor& gradient) {
  constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
  torch::NoGradGuard no_grad;
  if (steps_ == 0) {
    momentum_ = torch::zeros_like(parameter);
    variance_ = torch::zeros_like(parameter);
  }
  ++steps_;
  momentum_.lerp_(gradient, 1 - kBeta1);
  variance_.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
  const double correction1 = 1 - std::pow(kBeta1, static_cast<double>(steps_)),
               correction2 = 1 - std::pow(kBeta2, static_cast<double>(steps_));
  const torch::Tensor scale = variance_.sqrt().div_(std::sqrt(correction2)).add_(kEpsilon);
  parameter.addcdiv_(momentum_, scale, -learning_rate_ / correction1);
}

void Adam::keep(const torch::Tensor& kept) {
  if (steps_ == 0) return;
  momentum_ = momentum_.index_select(0, kept);
  variance_ = variance_.index_select(0, kept);
}

}  // namespace factsweep
