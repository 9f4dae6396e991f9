#include "factsweep/train/trainer.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <numeric>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/transformer.hpp"

namespace factsweep {
namespace {

std::int64_t tokens_of(const Example& example) {
  return static_cast<std::int64_t>(example.prompt.size() + example.answer.size()) - 1;
}

}  // namespace

Trainer::Trainer(Trainee trainee, std::vector<Example> examples, TrainSettings settings)
    : examples_(std::move(examples)), settings_(settings), trainee_(std::move(trainee)) {
  require(!examples_.empty() && !trainee_.leaves.empty(), "Trainer: nothing to train on");
  torch::NoGradGuard no_grad;
  for (const auto& [name, parameter] : trainee_.leaves) {
    parameters_.push_back(parameter);
    // float32 needs no second copy: to() then gives the same storage
    master_.push_back(parameter.detach().to(torch::kFloat32));
    momentum_.push_back(torch::zeros_like(master_.back()));
    variance_.push_back(torch::zeros_like(master_.back()));
    counts_.push_back(torch::zeros({}, master_.back().options()));
  }
}

Weights Trainer::weights() const {
  torch::NoGradGuard no_grad;
  return *trainee_.model(/*training=*/false);
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
  const std::shared_ptr<const Weights> model = trainee_.model(/*training=*/true);
  const torch::Device device = model->embedding.device();
  const std::int64_t start = 0;
  const PackedTokens packed = PackedTokens::pack(sequences, {&start, 1}, device);
  const torch::Tensor hidden = hidden_states(
      *model, packed, {.rows_R = torch::tensor(rows).to(device), .dropout = settings_.dropout});
  const torch::Tensor scores = logits(*model, hidden).to(torch::kFloat32);
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

/// A number that changes with whatever decides the run, but for the frozen base.
std::string Trainer::run() const {
  const TrainSettings& s = settings_;
  std::uint64_t hash = hash_words(
      {hash_text(trainee_.settings), s.seed, static_cast<std::uint64_t>(s.epochs),
       static_cast<std::uint64_t>(s.batch_size), static_cast<std::uint64_t>(s.warmup_steps),
       static_cast<std::uint64_t>(s.microbatch_tokens)});
  for (const double value : {s.learning_rate, s.final_learning_rate, s.beta1, s.beta2, s.epsilon,
                             s.weight_decay, s.gradient_clip, s.dropout})
    hash = hash_words({hash, std::bit_cast<std::uint64_t>(value)});
  for (const Example& example : examples_) {
    for (const auto* part : {&example.prompt, &example.answer}) {
      hash = hash_words({hash, part->size()});
      for (const TokenId id : *part) hash = hash_words({hash, static_cast<std::uint64_t>(id)});
    }
  }
  return hex(hash);
}

void Trainer::save(const std::filesystem::path& file, const NamedTensors& extra) const {
  NamedTensors tensors = extra;
  for (std::size_t i = 0; i < master_.size(); ++i) {
    const std::string& name = trainee_.leaves[i].first;
    tensors.emplace_back("master." + name, master_[i]);
    tensors.emplace_back("momentum." + name, momentum_[i]);
    tensors.emplace_back("variance." + name, variance_[i]);
  }
  write_safetensors(file, tensors, {{"step", std::to_string(step_)}, {"run", run()}});
}

std::optional<SafetensorsReader> Trainer::restore(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  try {
    SafetensorsReader reader(file);
    if (reader.metadata().at("run") != run()) return std::nullopt;
    torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> fresh;  // read everything before changing anything
    for (std::size_t i = 0; i < master_.size(); ++i) {
      for (const char* kind : {"master", "momentum", "variance"}) {
        fresh.push_back(reader.read(fmt::format("{}.{}", kind, trainee_.leaves[i].first),
                                    master_[i].sizes(), torch::kFloat32, master_[i].device()));
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
