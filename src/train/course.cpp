#include "factsweep/train/course.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

std::int64_t tokens_of(const Example& example) {
  return static_cast<std::int64_t>(example.prompt.size() + example.answer.size()) - 1;
}

}  // namespace

void StepLoss::add(const StepLoss& other) {
  sum += other.sum;
  answer_tokens += other.answer_tokens;
  tokens += other.tokens;
}

Course::Course(const NamedTensors& leaves, const std::vector<torch::Tensor>& masters,
               std::string what, std::vector<Example> examples, const TrainSettings& settings)
    : examples_(std::move(examples)), settings_(settings), what_(std::move(what)), leaves_(leaves) {
  require(!examples_.empty() && !leaves_.empty(), "Course: nothing to train on");
  require(masters.empty() || masters.size() == leaves_.size(), "Course: a master for each leaf");
  torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    // float32 needs no second copy: to() then gives the same storage
    const torch::Tensor& value = masters.empty() ? leaves_[i].second : masters[i];
    master_.push_back(value.detach().to(torch::kFloat32));
    momentum_.push_back(torch::zeros_like(master_.back()));
    variance_.push_back(torch::zeros_like(master_.back()));
    counts_.push_back(torch::zeros({}, master_.back().options()));
  }
}

std::int64_t Course::steps_per_epoch() const {
  const auto count = static_cast<std::int64_t>(examples_.size());
  return (count + settings_.batch_size - 1) / settings_.batch_size;
}

double Course::learning_rate() const {
  if (step_ < settings_.warmup_steps)
    return settings_.learning_rate * static_cast<double>(step_ + 1) /
           static_cast<double>(settings_.warmup_steps);
  if (settings_.final_learning_rate < 0) return settings_.learning_rate;
  const double total = static_cast<double>(steps() - settings_.warmup_steps);
  const double done = static_cast<double>(step_ - settings_.warmup_steps) / std::max(total, 1.0);
  const double blend = 0.5 * (1 + std::cos(std::numbers::pi * done));
  return settings_.final_learning_rate +
         blend * (settings_.learning_rate - settings_.final_learning_rate);
}

std::vector<std::int64_t> Course::batch() const {
  const std::int64_t epoch = step_ / steps_per_epoch();
  const auto order = permutation(static_cast<std::int64_t>(examples_.size()),
                                 CounterRandom(hash_words({hash_text("data order"), settings_.seed,
                                                           static_cast<std::uint64_t>(epoch)})));
  const std::int64_t first = (step_ % steps_per_epoch()) * settings_.batch_size;
  const std::int64_t last =
      std::min(first + settings_.batch_size, static_cast<std::int64_t>(order.size()));
  std::vector<std::int64_t> members(order.begin() + first, order.begin() + last);
  std::stable_sort(members.begin(), members.end(), [&](std::int64_t a, std::int64_t b) {
    return tokens_of(examples_[a]) < tokens_of(examples_[b]);
  });
  return members;
}

std::vector<std::vector<std::int64_t>> Course::microbatches() const {
  std::vector<std::vector<std::int64_t>> groups;
  std::int64_t tokens = 0;
  for (const std::int64_t member : batch()) {
    const std::int64_t own = tokens_of(examples_[member]);
    if (groups.empty() || tokens + own > settings_.microbatch_tokens) {
      groups.emplace_back();
      tokens = 0;
    }
    groups.back().push_back(member);
    tokens += own;
  }
  return groups;
}

StepLoss Course::size_of(const std::vector<std::vector<std::int64_t>>& microbatches) const {
  StepLoss size;
  for (const auto& members : microbatches) {
    for (const std::int64_t member : members) {
      const Example& example = examples_[member];
      size.add({0, static_cast<std::int64_t>(example.answer.size()), tokens_of(example)});
    }
  }
  return size;
}

std::uint64_t Course::dropout_seed() const {
  return hash_words({hash_text("dropout"), settings_.seed, static_cast<std::uint64_t>(step_)});
}

/// What gradients are multiplied by so that their global norm is at most settings_.gradient_clip.
double Course::clipping() const {
  if (settings_.gradient_clip <= 0) return 1;
  std::vector<torch::Tensor> norms;
  for (const auto& [name, leaf] : leaves_) norms.push_back(leaf.grad().to(torch::kFloat32).norm());
  return std::min(1.0, settings_.gradient_clip / torch::stack(norms).norm().item<double>());
}

void Course::update() {
  torch::NoGradGuard no_grad;
  const double shrink = clipping();
  for (torch::Tensor& count : counts_) count.add_(1);
  // one by one: float32 gradients of all bfloat16 leaves would be a quarter more memory
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    torch::Tensor& leaf = leaves_[i].second;
    torch::Tensor gradient = leaf.grad().to(torch::kFloat32);
    leaf.mutable_grad().reset();
    if (shrink < 1) gradient.mul_(shrink);
    at::_fused_adamw_(master_[i], gradient, momentum_[i], variance_[i], {}, counts_[i],
                      learning_rate(), settings_.beta1, settings_.beta2, settings_.weight_decay,
                      settings_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
    if (!master_[i].is_alias_of(leaf)) leaf.copy_(master_[i]);
  }
  ++step_;
}

void Course::forget_gradients() {
  for (auto& [name, leaf] : leaves_) leaf.mutable_grad().reset();
}

/// A number that changes with whatever decides the run, but for the frozen base.
std::string Course::run() const {
  const TrainSettings& s = settings_;
  std::uint64_t hash = hash_words({hash_text(what_), s.seed, static_cast<std::uint64_t>(s.epochs),
                                   static_cast<std::uint64_t>(s.batch_size),
                                   static_cast<std::uint64_t>(s.warmup_steps),
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

void Course::store(const std::string& prefix, NamedTensors& tensors,
                   std::map<std::string, std::string>& metadata) const {
  for (std::size_t i = 0; i < master_.size(); ++i) {
    const std::string& name = leaves_[i].first;
    tensors.emplace_back(prefix + "master." + name, master_[i]);
    tensors.emplace_back(prefix + "momentum." + name, momentum_[i]);
    tensors.emplace_back(prefix + "variance." + name, variance_[i]);
  }
  metadata[prefix + "step"] = std::to_string(step_);
  metadata[prefix + "run"] = run();
}

std::optional<Course::State> Course::read(const std::string& prefix,
                                          const SafetensorsReader& reader) const {
  const auto& metadata = reader.metadata();
  const auto written = metadata.find(prefix + "run"), step = metadata.find(prefix + "step");
  if (written == metadata.end() || step == metadata.end() || written->second != run())
    return std::nullopt;
  try {
    State state;
    for (std::size_t i = 0; i < master_.size(); ++i) {
      for (const char* kind : {"master", "momentum", "variance"}) {
        state.tensors.push_back(reader.read(fmt::format("{}{}.{}", prefix, kind, leaves_[i].first),
                                            master_[i].sizes(), torch::kFloat32,
                                            master_[i].device()));
      }
    }
    state.step = std::stoll(step->second);
    return state;
  } catch (const InputError&) {
    return std::nullopt;  // a torn or foreign checkpoint only costs time
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  } catch (const std::out_of_range&) {
    return std::nullopt;
  }
}

void Course::apply(const State& state) {
  torch::NoGradGuard no_grad;
  step_ = state.step;
  for (std::size_t i = 0; i < master_.size(); ++i) {
    master_[i].copy_(state.tensors[3 * i]);
    momentum_[i].copy_(state.tensors[3 * i + 1]);
    variance_[i].copy_(state.tensors[3 * i + 2]);
    counts_[i].fill_(static_cast<double>(step_));
    leaves_[i].second.copy_(master_[i]);
  }
}

}  // namespace factsweep
