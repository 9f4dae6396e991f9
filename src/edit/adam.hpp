// Adam (Kingma and Ba, arXiv 1412.6980) as torch.optim.Adam computes it, for one tensor whose rows
// may be dropped between steps.
#pragma once

#include <torch/types.h>

namespace factsweep {

class Adam {
 public:
  explicit Adam(double learning_rate) : learning_rate_(learning_rate) {}

  /// One step of `parameter` [A, ...] in place; gradient of the same shape, both float32.
  void step(torch::Tensor& parameter, const torch::Tensor& gradient);
  /// Goes on with the rows `kept` (int64) alone.
  void keep(const torch::Tensor& kept);

  std::int64_t steps() const { return steps_; }
  /// Undefined before the first step.
  const torch::Tensor& momentum() const { return momentum_; }
  const torch::Tensor& variance() const { return variance_; }
  /// Goes on from what these three were.
  void restore(std::int64_t steps, const torch::Tensor& momentum, const torch::Tensor& variance) {
    steps_ = steps;
    momentum_ = momentum;
    variance_ = variance;
  }

 private:
  double learning_rate_;
  std::int64_t steps_ = 0;
  torch::Tensor momentum_, variance_;
};

}  // namespace factsweep
