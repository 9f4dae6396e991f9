#include "factsweep/train/packed_trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "answer_pass.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

/// Dropout on embeddings and residual branches, by each share's own probability; empty: no share
/// has any.
std::function<Tensor(const Tensor&, std::int64_t)> dropout_of(
    const std::vector<RowShare>& shares, const std::vector<double>& p,
    const std::shared_ptr<const DropoutMasks>& masks) {
  const bool is_common = std::all_of(p.begin(), p.end(), [&](double one) { return one == p[0]; });
  if (is_common) return residual_dropout(masks, p[0]);
  return [&shares, p, masks](const Tensor& x, std::int64_t place) {
    std::vector<Tensor> rows = x.split_with_sizes(row_counts(shares, x.size(0)), 0);
    std::int64_t first = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::int64_t count = rows[i].size(0);
      if (p[i] > 0) rows[i] = masks->drop(rows[i], p[i], residual_place(place), first, x.size(0));
      first += count;
    }
    return torch::cat(rows);
  };
}

}  // namespace

/// A part of a member's batch, which has so much in all.
struct PackedTrainer::Microbatch {
  std::size_t member = 0;
  BatchPart part;
  StepLoss of;
  bool is_one_of_many = false;
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
  for (Microbatch& one : pass) {
    const Course& course = courses_[one.member];
    answers.add(course.objective(), course.examples(), one.part.members, course.dropout_key());
    one.loss = one.part.size;
    shares.push_back({adapters_[one.member], one.loss.tokens, one.loss.answer_tokens});
    p.push_back(course.settings().dropout);
  }
  const auto masks = answers.masks(base_.embedding.device());
  const Weights model = with_row_adapters(base_, shares, masks);
  answers.run(model, dropout_of(shares, p, masks));
  std::vector<Tensor> means;
  for (std::size_t i = 0; i < pass.size(); ++i) {
    Microbatch& one = pass[i];
    Course& course = courses_[one.member];
    const Tensor sum = sum_of(course.objective(), answers.part(i), one.part.factors);
    one.loss.sum = sum.item<double>();
    if (std::isfinite(one.loss.sum)) {
      means.push_back(sum / one.of.weight);
    } else {
      course.fail(fmt::format("the loss is not finite at step {}. Lower train.learning_rate.",
                              course.steps_done()));
    }
  }
  if (means.empty()) return;
  torch::stack(means).sum().backward();
  for (const Microbatch& one : pass) {
    Course& course = courses_[one.member];
    if (one.is_one_of_many && course.failure().empty()) course.collect();
  }
}

std::vector<StepLoss> PackedTrainer::step() {
  std::vector<std::vector<Microbatch>> left(members());
  std::vector<bool> steps(members());
  std::size_t rounds = 0;
  for (std::size_t i = 0; i < members(); ++i) {
    steps[i] = is_active(i);
    if (!steps[i]) continue;
    Batch batch = courses_[i].next_batch();
    for (BatchPart& part : batch.parts)
      left[i].push_back({i, std::move(part), batch.size, batch.parts.size() > 1});
    rounds = std::max(rounds, left[i].size());
  }
  std::vector<StepLoss> total(members());
  // one microbatch of a member a pass: its gradients add up in the order that they do alone
  for (std::size_t round = 0; round < rounds; ++round) {
    std::vector<Microbatch> pass;
    std::int64_t tokens = 0;
    const auto run = [&] {
      if (!pass.empty()) accumulate(pass);
      for (const Microbatch& one : pass) total[one.member].add(one.loss);
      pass.clear();
      tokens = 0;
    };
    for (std::size_t i = 0; i < members(); ++i) {
      if (round >= left[i].size() || !courses_[i].failure().empty()) continue;
      const std::int64_t own = left[i][round].part.size.tokens;
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
