#include "factsweep/train/packed_trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "answers.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/model/dropout.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

std::string prefix(std::size_t member) {
  return fmt::format("member {} ", member);
}

/// Dropout on embeddings and residual branches, by each share's own probability and generator;
/// empty: no share has any.
std::function<Tensor(const Tensor&)> dropout_of(const std::vector<RowShare>& shares,
                                                const std::vector<double>& p) {
  if (std::all_of(p.begin(), p.end(), [](double one) { return one == 0; })) return {};
  return [&shares, p](const Tensor& x) {
    std::vector<Tensor> rows = x.split_with_sizes(row_counts(shares, x.size(0)), 0);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (p[i] > 0) rows[i] = dropout(rows[i], p[i], shares[i].generator);
    }
    return torch::cat(rows);
  };
}

}  // namespace

/// Examples of one member for one pass, of a step that has `of` answer tokens in all.
struct PackedTrainer::Microbatch {
  std::size_t member = 0;
  std::vector<std::int64_t> examples;
  StepLoss of;
  at::Generator generator;
  StepLoss loss = {};
};

PackedTrainer::PackedTrainer(const Weights& base, std::vector<PackedMember> members,
                             std::int64_t pass_tokens)
    : base_(base), pass_tokens_(pass_tokens) {
  require(!members.empty(), "PackedTrainer: nothing to train");
  for (PackedMember& member : members) {
    if (member.start.config().bias != LoraBias::none) {
      throw InputError(
          "lora.bias = all and lora_only train biases of the base model, which adapters that train "
          "together share. Set lora.bias = none.");
    }
    LoraAdapter adapter = member.start.clone(base.embedding.scalar_type(), true);
    Course course(adapter.parameters(), {}, member.start.config().json(base.config),
                  std::move(member.examples), member.settings);
    members_.push_back({std::move(adapter), std::move(course)});
  }
}

bool PackedTrainer::is_active(std::size_t member) const {
  const Member& one = members_[member];
  return one.failure.empty() && one.course.steps_done() < one.course.steps();
}

bool PackedTrainer::is_done() const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (is_active(i)) return false;
  }
  return true;
}

/// Forward and backward of one pass. Rows of different members never meet, so the gradient of the
/// sum is each member's own.
void PackedTrainer::accumulate(std::vector<Microbatch>& pass) {
  AnswerBatch batch;
  std::vector<RowShare> shares;
  std::vector<double> p;
  for (Microbatch& part : pass) {
    const Member& member = members_[part.member];
    part.loss = batch.add(member.course.examples(), part.examples);
    shares.push_back({member.adapter, part.loss.tokens, part.loss.answer_tokens, part.generator});
    p.push_back(member.course.settings().dropout);
  }
  const Tensor losses_R = batch.losses(with_row_adapters(base_, shares), dropout_of(shares, p));
  std::vector<Tensor> means;
  std::int64_t first = 0;
  for (Microbatch& part : pass) {
    const Tensor sum = losses_R.narrow(0, first, part.loss.answer_tokens).sum();
    first += part.loss.answer_tokens;
    part.loss.sum = sum.item<double>();
    Member& member = members_[part.member];
    if (std::isfinite(part.loss.sum)) {
      means.push_back(sum / static_cast<double>(part.of.answer_tokens));
    } else {
      member.failure = fmt::format("the loss is not finite at step {}. Lower train.learning_rate.",
                                   member.course.steps_done());
    }
  }
  if (!means.empty()) torch::stack(means).sum().backward();
}

std::vector<StepLoss> PackedTrainer::step() {
  std::vector<std::vector<Microbatch>> left(members_.size());
  std::vector<bool> steps(members_.size());
  std::size_t rounds = 0;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    steps[i] = is_active(i);
    if (!steps[i]) continue;
    const Course& course = members_[i].course;
    const auto microbatches = course.microbatches();
    const StepLoss of = course.size_of(microbatches);
    const at::Generator generator =
        seeded_generator(base_.embedding.device(), course.dropout_seed());
    for (const auto& examples : microbatches) left[i].push_back({i, examples, of, generator});
    rounds = std::max(rounds, microbatches.size());
  }
  std::vector<StepLoss> total(members_.size());
  // one microbatch of a member a pass: its gradients add up in the order that they do alone
  for (std::size_t round = 0; round < rounds; ++round) {
    std::vector<Microbatch> pass;
    std::int64_t tokens = 0;
    const auto run = [&] {
      if (!pass.empty()) accumulate(pass);
      for (const Microbatch& part : pass) total[part.member].add(part.loss);
      pass.clear();
      tokens = 0;
    };
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (round >= left[i].size() || !members_[i].failure.empty()) continue;
      const std::int64_t own = members_[i].course.size_of({left[i][round].examples}).tokens;
      if (tokens + own > pass_tokens_) run();
      pass.push_back(std::move(left[i][round]));
      tokens += own;
    }
    run();
  }
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (!steps[i]) continue;
    if (members_[i].failure.empty()) {
      members_[i].course.update();
    } else {
      members_[i].course.forget_gradients();
      total[i] = {};
    }
  }
  return total;
}

LoraAdapter PackedTrainer::adapter(std::size_t member) const {
  LoraAdapter copy = members_[member].adapter.clone(torch::kFloat32);
  copy.assign(members_[member].course.master());
  return copy;
}

Weights PackedTrainer::weights(std::size_t member) const {
  torch::NoGradGuard no_grad;
  return with_adapters(base_, {&members_[member].adapter, 1});
}

void PackedTrainer::save(const std::filesystem::path& file, const NamedTensors& extra) const {
  NamedTensors tensors = extra;
  std::map<std::string, std::string> metadata;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    members_[i].course.store(prefix(i), tensors, metadata);
    metadata[prefix(i) + "failure"] = members_[i].failure;
  }
  write_safetensors(file, tensors, metadata);
}

std::optional<SafetensorsReader> PackedTrainer::restore(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  try {
    SafetensorsReader reader(file);
    std::vector<Course::State> states;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      std::optional<Course::State> state = members_[i].course.read(prefix(i), reader);
      if (!state || reader.metadata().count(prefix(i) + "failure") == 0) return std::nullopt;
      states.push_back(std::move(*state));
    }
    for (std::size_t i = 0; i < members_.size(); ++i) {
      members_[i].course.apply(states[i]);
      members_[i].failure = reader.metadata().at(prefix(i) + "failure");
    }
    return reader;
  } catch (const InputError&) {
    return std::nullopt;  // a torn checkpoint only costs time
  }
}

}  // namespace factsweep
