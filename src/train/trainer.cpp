#include "factsweep/train/trainer.hpp"

#include <fmt/format.h>

#include <cmath>

#include "answers.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/model/dropout.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

Trainer::Trainer(Trainee trainee, std::vector<Example> examples, TrainSettings settings)
    : trainee_(std::move(trainee)),
      course_(trainee_.leaves, trainee_.masters, trainee_.settings, std::move(examples), settings) {
}

Weights Trainer::weights() const {
  torch::NoGradGuard no_grad;
  return *trainee_.model(/*training=*/false);
}

/// Forward and backward of some members of a batch; the gradient is that of the batch's mean
/// answer-token loss, and of the trainee's penalty by the members' share of the batch's tokens.
StepLoss Trainer::accumulate(std::span<const std::int64_t> members, const StepLoss& of) {
  AnswerBatch batch;
  StepLoss part = batch.add(course_.examples(), members);
  const double p = course_.settings().dropout;
  std::function<torch::Tensor(const torch::Tensor&)> drop;
  if (p > 0) drop = [p](const torch::Tensor& x) { return dropout(x, p); };
  const torch::Tensor sum = batch.losses(*trainee_.model(/*training=*/true), drop).sum();
  part.sum = sum.item<double>();
  if (!std::isfinite(part.sum)) {
    course_.forget_gradients();
    throw std::runtime_error(fmt::format(
        "the loss is not finite at step {}. Lower train.learning_rate.", course_.steps_done()));
  }
  torch::Tensor mean = sum / static_cast<double>(of.answer_tokens);
  if (trainee_.penalty) {
    const double share = static_cast<double>(part.tokens) / static_cast<double>(of.tokens);
    mean = mean + trainee_.penalty() * share;
  }
  mean.backward();
  return part;
}

StepLoss Trainer::step() {
  const auto microbatches = course_.microbatches();
  const StepLoss of = course_.size_of(microbatches);
  torch::manual_seed(course_.dropout_seed());
  StepLoss total;
  for (const auto& members : microbatches) total.add(accumulate(members, of));
  course_.update();
  return total;
}

void Trainer::save(const std::filesystem::path& file, const NamedTensors& extra) const {
  NamedTensors tensors = extra;
  std::map<std::string, std::string> metadata;
  course_.store("", tensors, metadata);
  write_safetensors(file, tensors, metadata);
}

std::optional<SafetensorsReader> Trainer::restore(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  try {
    SafetensorsReader reader(file);
    const std::optional<Course::State> state = course_.read("", reader);
    if (!state) return std::nullopt;
    course_.apply(*state);
    return reader;
  } catch (const InputError&) {
    return std::nullopt;  // a torn checkpoint only costs time
  }
}

}  // namespace factsweep
