#include "factsweep/train/trainer.hpp"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

#include "answer_pass.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/model/dropout.hpp"
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
  return *trainee_.model(/*training=*/false);
}

NamedTensors Trainer::named() const {
  require(static_cast<bool>(trainee_.named), "Trainer::named: a trainee without names");
  return trainee_.named();
}

/// Forward and backward of some members of a batch; the gradient is that of the batch's objective
/// over its weight, and of the trainee's penalty by the members' share of the batch's tokens.
StepLoss Trainer::accumulate(std::span<const std::int64_t> members, const StepLoss& of) {
  Course& course = courses_.front();
  const double p = course.settings().dropout;
  std::function<torch::Tensor(const torch::Tensor&)> drop;
  if (p > 0) drop = [p](const torch::Tensor& x) { return dropout(x, p); };
  const std::shared_ptr<const Weights> model = trainee_.model(/*training=*/true);
  AnswerPass pass;
  pass.add(course.objective(), course.examples(), members);
  pass.run(*model, drop);
  const torch::Tensor sum = course.objective().sum(pass.part(0));
  StepLoss part = course.size_of(members);
  part.sum = sum.item<double>();
  if (!std::isfinite(part.sum)) {
    course.forget_gradients();
    throw std::runtime_error(fmt::format(
        "the loss is not finite at step {}. Lower train.learning_rate.", course.steps_done()));
  }
  torch::Tensor mean = sum / of.weight;
  if (trainee_.penalty) {
    const double share = static_cast<double>(part.tokens) / static_cast<double>(of.tokens);
    mean = mean + trainee_.penalty() * share;
  }
  mean.backward();
  return part;
}

StepLoss Trainer::step() {
  Course& course = courses_.front();
  const auto microbatches = course.microbatches();
  const StepLoss of = course.size_of(microbatches);
  torch::manual_seed(course.dropout_seed());
  StepLoss total;
  for (const auto& members : microbatches) total.add(accumulate(members, of));
  course.update();
  return total;
}

}  // namespace factsweep
