#include "factsweep/train/trainer.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"

namespace factsweep {
namespace {

std::int64_t tokens_of(const Example& example) {
  return static_cast<std::int64_t>(example.prompt.size() + example.answer.size()) - 1;
}

}  // namespace

Trainer::Trainer(const Weights& base, std::vector<Example> examples, TrainSettings settings)
    : examples_(std::move(examples)),
      settings_(settings),
      working_(base.clone(base.embedding.scalar_type(), true)) {
  require(!examples_.empty(), "Trainer: no examples");
  torch::NoGradGuard no_grad;
  parameters_ = working_.parameters();
  const bool shared =
      base.embedding.scalar_type() == torch::kFloat32;  // float32 needs no second copy
  for (const torch::Tensor& parameter : parameters_) {
    master_.push_back(shared ? parameter.detach() : parameter.detach().to(torch::kFloat32));
    momentum_.push_back(torch::zeros_like(master_.back()));
    variance_.push_back(torch::zeros_like(master_.back()));
    counts_.push_back(torch::zeros({}, master_.back().options()));
  }
}

std::int64_t Trainer::steps_per_epoch() const {
  const auto count = static_cast<std::int64_t>(examples_.size());
  return (count + settings_.batch_size - 1) / settings_.batch_size;
}

double Trainer::learning_rate(std::int64_t step) const {
  if (step < settings_.warmup_steps)
    return settings_.learning_rate * static_cast<double>(step + 1) /
           static_cast<double>(settings_.warmup_steps);
  if (settings_.final_learning_rate < 0) return settings_.learning_rate;
  const double total =
      static_cast<double>(steps_per_epoch() * settings_.epochs - settings_.warmup_steps);
  const double done = static_cast<double>(step - settings_.warmup_steps) / std::max(total, 1.0);
  const double blend = 0.5 * (1 + std::cos(std::numbers::pi * done));
  return settings_.final_learning_rate +
         blend * (settings_.learning_rate - settings_.final_learning_rate);
}

std::vector<std::int64_t> Trainer::batch(std::int64_t step) const {
  const std::int64_t epoch = step / steps_per_epoch();
  const auto order = permutation(static_cast<std::int64_t>(examples_.size()),
                                 CounterRandom(hash_words({hash_text("data order"), settings_.seed,
                                                           static_cast<std::uint64_t>(epoch)})));
  const std::int64_t first = (step % steps_per_epoch()) * settings_.batch_size;
  const std::int64_t last =
      std::min(first + settings_.batch_size, static_cast<std::int64_t>(order.size()));
  std::vector<std::int64_t> members(order.begin() + first, order.begin() + last);
  // neighbours of equal length waste no attention on padding
  std::stable_sort(members.begin(), members.end(), [&](std::int64_t a, std::int64_t b) {
    return tokens_of(examples_[a]) < tokens_of(examples_[b]);
  });
  return members;
}

/// Forward and backward of some members of a batch; the gradient is that of the batch's mean
/// answer-token loss.
Trainer::StepLoss Trainer::accumulate(std::span<const std::int64_t> members,
                                      std::int64_t answer_tokens) {
  std::vector<std::vector<TokenId>> sequences;
  std::vector<std::int64_t> rows, targets;
  std::int64_t tokens = 0;
  for (const std::int64_t member : members) {
    const Example& example = examples_[member];
    std::vector<TokenId> sequence = example.prompt;
    sequence.insert(sequence.end(), example.answer.begin(), example.answer.end() - 1);
    tokens += static_cast<std::int64_t>(sequence.size());
    for (std::int64_t row = tokens - static_cast<std::int64_t>(example.answer.size()); row < tokens;
         ++row)
      rows.push_back(row);
    targets.insert(targets.end(), example.answer.begin(), example.answer.end());
    sequences.push_back(std::move(sequence));
  }
  const torch::Device device = working_.embedding.device();
  const std::int64_t start = 0;
  const PackedTokens packed = PackedTokens::pack(sequences, {&start, 1}, device);
  const torch::Tensor hidden = hidden_states(
      working_, packed, {.rows_R = torch::tensor(rows).to(device), .dropout = settings_.dropout});
  const torch::Tensor scores = logits(working_, hidden).to(torch::kFloat32);
  const torch::Tensor loss = torch::nn::functional::cross_entropy(
      scores, torch::tensor(targets).to(device),
      torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum));
  const double sum = loss.item<double>();
  if (!std::isfinite(sum))
    throw std::runtime_error(
        fmt::format("the loss is not finite at step {}. Lower train.learning_rate.", step_));
  (loss / static_cast<double>(answer_tokens)).backward();
  return {sum, static_cast<std::int64_t>(targets.size()), tokens};
}

Trainer::StepLoss Trainer::step() {
  const std::vector<std::int64_t> members = batch(step_);
  std::int64_t answer_tokens = 0;
  for (const std::int64_t member : members)
    answer_tokens += static_cast<std::int64_t>(examples_[member].answer.size());
  torch::manual_seed(
      hash_words({hash_text("dropout"), settings_.seed, static_cast<std::uint64_t>(step_)}));
  StepLoss total;
  for (std::size_t begin = 0; begin < members.size();) {
    std::size_t end = begin;
    std::int64_t tokens = 0;
    while (end < members.size() && (end == begin || tokens + tokens_of(examples_[members[end]]) <=
                                                        settings_.microbatch_tokens)) {
      tokens += tokens_of(examples_[members[end++]]);
    }
    const StepLoss part = accumulate(std::span(members).subspan(begin, end - begin), answer_tokens);
    total.sum += part.sum;
    total.answer_tokens += part.answer_tokens;
    total.tokens += part.tokens;
    begin = end;
  }
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> gradients;
  for (const torch::Tensor& parameter : parameters_)
    gradients.push_back(parameter.grad().to(torch::kFloat32));
  if (settings_.gradient_clip > 0) {
    std::vector<torch::Tensor> norms;
    for (const torch::Tensor& gradient : gradients) norms.push_back(gradient.norm());
    const double norm = torch::stack(norms).norm().item<double>();
    if (norm > settings_.gradient_clip) {
      for (torch::Tensor& gradient : gradients) gradient.mul_(settings_.gradient_clip / norm);
    }
  }
  for (torch::Tensor& count : counts_) count.add_(1);
  at::_fused_adamw_(master_, gradients, momentum_, variance_, {}, counts_, learning_rate(step_),
                    settings_.beta1, settings_.beta2, settings_.weight_decay, settings_.epsilon,
                    /*amsgrad=*/false, /*maximize=*/false);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!master_[i].is_alias_of(parameters_[i])) parameters_[i].copy_(master_[i]);
    parameters_[i].mutable_grad().reset();
  }
  ++step_;
  return total;
}

void Trainer::save(const std::filesystem::path& file, const NamedTensors& extra) const {
  NamedTensors tensors = extra;
  for (std::size_t i = 0; i < master_.size(); ++i) {
    tensors.emplace_back(fmt::format("master.{}", i), master_[i]);
    tensors.emplace_back(fmt::format("momentum.{}", i), momentum_[i]);
    tensors.emplace_back(fmt::format("variance.{}", i), variance_[i]);
  }
  write_safetensors(file, tensors,
                    {{"step", std::to_string(step_)}, {"seed", std::to_string(settings_.seed)}});
}

std::optional<SafetensorsReader> Trainer::restore(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  try {
    SafetensorsReader reader(file);
    torch::NoGradGuard no_grad;
    const torch::Device device = working_.embedding.device();
    std::vector<torch::Tensor> fresh;  // read everything before changing anything
    for (std::size_t i = 0; i < master_.size(); ++i) {
      for (const char* kind : {"master", "momentum", "variance"}) {
        fresh.push_back(reader.read(fmt::format("{}.{}", kind, i), master_[i].sizes(),
                                    torch::kFloat32, device));
      }
    }
    step_ = std::stoll(reader.metadata().at("step"));
    for (std::size_t i = 0; i < master_.size(); ++i) {
      master_[i].copy_(fresh[3 * i]);
      momentum_[i].copy_(fresh[3 * i + 1]);
      variance_[i].copy_(fresh[3 * i + 2]);
      counts_[i].fill_(static_cast<double>(step_));
      parameters_[i].copy_(master_[i]);
    }
    return reader;
  } catch (const InputError&) {
    return std::nullopt;  // a torn or foreign checkpoint only costs time
  } catch (const std::out_of_range&) {
    return std::nullopt;
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

}  // namespace factsweep
