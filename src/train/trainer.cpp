#include "factsweep/train/trainer.hpp"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

#include "answer_pass.hpp"
#include "factsweep/core/error.hpp"
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
/// trainee's penalty by the part's share of the batch's tokens.
StepLoss Trainer::accumulate(const BatchPart& part, const StepLoss& of) {
  Course& course = courses_.front();
  AnswerPass pass;
  pass.add(course.objective(), course.examples(), part.members, course.dropout_key());
  const auto masks = pass.masks(trainee_.leaves.front().second.device());
  const std::shared_ptr<const Weights> model = trainee_.model(masks);
  pass.run(*model, residual_dropout(masks, course.settings().dropout));
  const torch::Tensor sum = sum_of(course.objective(), pass.part(0), part.factors);
  StepLoss loss = part.size;
  loss.sum = sum.item<double>();
  if (!std::isfinite(loss.sum)) {
    course.forget_gradients();
    throw std::runtime_error(fmt::format(
        "the loss is not finite at step {}. Lower train.learning_rate.", course.steps_done()));
  }
  torch::Tensor mean = sum / of.weight;
  if (trainee_.penalty) {
    const double share = static_cast<double>(loss.tokens) / static_cast<double>(of.tokens);
    mean = mean + trainee_.penalty() * share;
  }
  mean.backward();
  return loss;
}

StepLoss Trainer::step() {
  Course& course = courses_.front();
  const Batch batch = course.next_batch();
  StepLoss total;
  for (const BatchPart& part : batch.parts) {
    total.add(accumulate(part, batch.size));
    if (batch.parts.size() > 1) course.collect();
  }
  course.update();
  return total;
}

}  // namespace factsweep
