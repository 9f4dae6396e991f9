#include "factsweep/train/packed_trainer.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "answer_pass.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/model/staging.hpp"
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
  Tensor sum = {};  // its loss, a scalar, after its pass
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
    shares.push_back(
        {adapters_[one.member], one.part.size.tokens, one.part.size.answer_tokens});
    p.push_back(course.settings().dropout);
  }
  const auto masks = answers.masks(base_.embedding.device());
  const Weights model = with_row_adapters(base_, shares, masks);
  answers.run(model, dropout_of(shares, p, masks));
  std::vector<Tensor> means;
  for (std::size_t i = 0; i < pass.size(); ++i) {
    Microbatch& one = pass[i];
    const Tensor sum = sum_of(courses_[one.member].objective(), answers.part(i), one.part.factors);
    means.push_back(sum / one.of.weight);
    one.sum = sum.detach();
  }
  torch::stack(means).sum().backward();
  for (const Microbatch& one : pass) {
    if (one.is_one_of_many) courses_[one.member].collect();
  }
}

/// Forward and backward of the next batch of every active member.
std::vector<PackedTrainer::Microbatch> PackedTrainer::pass_all() {
  std::vector<std::vector<Microbatch>> left(members());
  std::size_t rounds = 0;
  for (std::size_t i = 0; i < members(); ++i) {
    if (!is_active(i)) continue;
    Batch batch = courses_[i].next_batch();
    for (BatchPart& part : batch.parts)
      left[i].push_back({i, std::move(part), batch.size, batch.parts.size() > 1});
    rounds = std::max(rounds, left[i].size());
  }
  std::vector<Microbatch> passed;
  largest_pass_ = 0;
  shares_passes_ = false;
  // one microbatch of a member a pass: its gradients add up in the order that they do alone
  for (std::size_t round = 0; round < rounds; ++round) {
    std::vector<Microbatch> pass;
    std::int64_t tokens = 0;
    const auto run = [&] {
      largest_pass_ = std::max(largest_pass_, tokens);
      shares_passes_ = shares_passes_ || pass.size() > 1;
      if (!pass.empty()) accumulate(pass);
      std::move(pass.begin(), pass.end(), std::back_inserter(passed));
      pass.clear();
      tokens = 0;
    };
    for (std::size_t i = 0; i < members(); ++i) {
      if (round >= left[i].size()) continue;
      const std::int64_t own = left[i][round].part.size.tokens;
      if (tokens + own > pass_tokens_) run();
      pass.push_back(std::move(left[i][round]));
      tokens += own;
    }
    run();
  }
  return passed;
}

/// What the microbatches lost, then how long the gradients are of each member that cuts them. Waits
/// for the device, once for all of them.
std::vector<double> PackedTrainer::measure(const std::vector<Microbatch>& passed) const {
  std::vector<Tensor> found;
  std::vector<bool> has_passed(members());
  for (const Microbatch& one : passed) {
    found.push_back(one.sum);
    has_passed[one.member] = true;
  }
  for (std::size_t i = 0; i < members(); ++i) {
    const Tensor norm = has_passed[i] ? courses_[i].gradient_norm() : Tensor();
    if (norm.defined()) found.push_back(norm);
  }
  return found.empty() ? std::vector<double>{} : values_of(found);
}

/// Fewer members a pass changes no result, so that comes first.
std::int64_t PackedTrainer::halve_passes() {
  if (!shares_passes_) {
    for (std::size_t i = 0; i < members(); ++i) {
      if (is_active(i)) courses_[i].halve_passes();
    }
  }
  return pass_tokens_ = std::max<std::int64_t>(1, largest_pass_ / 2);
}

std::vector<StepLoss> PackedTrainer::step() {
  std::vector<Microbatch> passed;
  std::vector<double> values;
  const auto pass = [&] {
    passed = pass_all();
    values = measure(passed);
  };
  within_memory(pass, [&] { return halve_passes(); });
  std::vector<StepLoss> total(members());
  for (std::size_t j = 0; j < passed.size(); ++j) {
    StepLoss loss = passed[j].part.size;
    loss.sum = values[j];
    total[passed[j].member].add(loss);
  }
  auto norm = values.begin() + static_cast<std::ptrdiff_t>(passed.size());
  for (std::size_t i = 0; i < members(); ++i) {
    if (total[i].tokens == 0) continue;
    Course& course = courses_[i];
    const double own = course.settings().gradient_clip > 0 ? *norm++ : 0;
    if (std::isfinite(total[i].sum)) {
      course.update(own);
    } else {
      course.fail(not_finite(course.steps_done()));
      course.forget_gradients();
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
