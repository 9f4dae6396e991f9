#include "factsweep/train/packed_trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "answer_pass.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/model/dropout.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

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

/// Examples of one member for one pass, of a step that has `of` in all.
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
    adapters_.push_back(member.start.clone(base.embedding.scalar_type(), true));
    courses_.emplace_back(adapters_.back().parameters(), std::vector<Tensor>{},
                          member.start.config().json(base.config), std::move(member.examples),
                          member.settings, std::move(member.objective));
  }
}

/// Forward and backward of one pass. Rows of different members never meet, so the gradient of the
/// sum is each member's own.
void PackedTrainer::accumulate(std::vector<Microbatch>& pass) {
  AnswerPass answers;
  std::vector<RowShare> shares;
  std::vector<double> p;
  for (Microbatch& part : pass) {
    const Course& course = courses_[part.member];
    answers.add(course.objective(), course.examples(), part.examples);
    part.loss = course.size_of(std::span(std::as_const(part.examples)));
    shares.push_back(
        {adapters_[part.member], part.loss.tokens, part.loss.answer_tokens, part.generator});
    p.push_back(course.settings().dropout);
  }
  const Weights model = with_row_adapters(base_, shares);
  answers.run(model, dropout_of(shares, p));
  std::vector<Tensor> means;
  for (std::size_t i = 0; i < pass.size(); ++i) {
    Microbatch& part = pass[i];
    Course& course = courses_[part.member];
    const Tensor sum = course.objective().sum(answers.part(i));
    part.loss.sum = sum.item<double>();
    if (std::isfinite(part.loss.sum)) {
      means.push_back(sum / part.of.weight);
    } else {
      course.fail(fmt::format("the loss is not finite at step {}. Lower train.learning_rate.",
                              course.steps_done()));
    }
  }
  if (!means.empty()) torch::stack(means).sum().backward();
}

std::vector<StepLoss> PackedTrainer::step() {
  std::vector<std::vector<Microbatch>> left(members());
  std::vector<bool> steps(members());
  std::size_t rounds = 0;
  for (std::size_t i = 0; i < members(); ++i) {
    steps[i] = is_active(i);
    if (!steps[i]) continue;
    const auto microbatches = courses_[i].microbatches();
    const StepLoss of = courses_[i].size_of(microbatches);
    const at::Generator generator =
        seeded_generator(base_.embedding.device(), courses_[i].dropout_seed());
    for (const auto& examples : microbatches) left[i].push_back({i, examples, of, generator});
    rounds = std::max(rounds, microbatches.size());
  }
  std::vector<StepLoss> total(members());
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
    for (std::size_t i = 0; i < members(); ++i) {
      if (round >= left[i].size() || !courses_[i].failure().empty()) continue;
      const std::int64_t own =
          courses_[i].size_of(std::span(std::as_const(left[i][round].examples))).tokens;
      if (tokens + own > pass_tokens_) run();
      pass.push_back(std::move(left[i][round]));
      tokens += own;
    }
    run();
  }
  for (std::size_t i = 0; i < members(); ++i) {
    if (!steps[i]) continue;
    if (courses_[i].failure().empty()) {
      courses_[i].update();
    } else {
      courses_[i].forget_gradients();
      total[i] = {};
    }
  }
  return total;
}

LoraAdapter PackedTrainer::adapter(std::size_t member) const {
  LoraAdapter copy = adapters_[member].clone(torch::kFloat32);
  copy.assign(courses_[member].master());
  return copy;
}

Weights PackedTrainer::weights(std::size_t member) const {
  torch::NoGradGuard no_grad;
  return with_adapters(base_, {&adapters_[member], 1});
}

}  // namespace factsweep
