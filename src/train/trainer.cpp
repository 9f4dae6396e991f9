#include "factsweep/train/trainer.hpp"

#include <cmath>
#include <stdexcept>

#include "answer_pass.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/model/staging.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

Trainer::Trainer(Trainee trainee, std::vector<Example> examples, TrainSettings settings,
                 std::shared_ptr<const Objective> objective)
    : trainee_(std::move(trainee)) {
  courses_.emplace_back(trainee_.leaves, trainee_.masters, trainee_.settings, std::move(examples),
                        settings, std::move(objective));
}

Weights Trainer::weights() const {
  torch::NoGradGuard no_grad;
  return *trainee_.model(nullptr);
}

NamedTensors Trainer::named() const {
  require(static_cast<bool>(trainee_.named), "Trainer::named: a trainee without names");
  return trainee_.named();
}

/// Forward and backward of a part of a batch; the gradient is that of the batch's mean, and of the
/// trainee's penalty by the part's share of the batch's tokens. Returns the part's loss, a scalar
/// that the device may not have computed yet.
torch::Tensor Trainer::accumulate(const BatchPart& part, const StepLoss& of) {
  Course& course = courses_.front();
  AnswerPass pass;
  pass.add(course.objective(), course.examples(), part.members, course.dropout_key());
  const auto masks = pass.masks(trainee_.leaves.front().second.device());
  const std::shared_ptr<const Weights> model = trainee_.model(masks);
  pass.run(*model, residual_dropout(masks, course.settings().dropout));
  const torch::Tensor sum = sum_of(course.objective(), pass.part(0), part.factors);
  torch::Tensor mean = sum / of.weight;
  if (trainee_.penalty) {
    const double share = static_cast<double>(part.size.tokens) / static_cast<double>(of.tokens);
    mean = mean + trainee_.penalty() * share;
  }
  mean.backward();
  return sum.detach();
}

StepLoss Trainer::step() {
  Course& course = courses_.front();
  Batch batch;
  std::vector<double> values;  // the parts' losses, then the gradient's norm
  const auto pass = [&] {
    batch = course.next_batch();
    std::vector<torch::Tensor> found;
    for (const BatchPart& part : batch.parts) {
      found.push_back(accumulate(part, batch.size));
      if (batch.parts.size() > 1) course.collect();
    }
    found.push_back(course.gradient_norm());
    if (!found.back().defined()) found.pop_back();
    values = values_of(found);  // the step waits for the device here alone
  };
  within_memory(pass, [&] { return course.halve_passes(); });
  StepLoss total;
  for (std::size_t i = 0; i < batch.parts.size(); ++i) {
    StepLoss loss = batch.parts[i].size;
    loss.sum = values[i];
    if (!std::isfinite(loss.sum)) {
      course.forget_gradients();
      throw std::runtime_error(not_finite(course.steps_done()));
    }
    total.add(loss);
  }
  course.update(values.back());
  return total;
}

}  // namespace factsweep
