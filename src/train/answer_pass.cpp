#include "answer_pass.hpp"

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/staging.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

using torch::Tensor;

namespace {

/// Sums of `values` over neighbours, so many for each of `counts`.
Tensor sums_of(const Tensor& values, const Tensor& counts) {
  return at::segment_reduce(values, "sum", counts, {}, {}, 0, /*unsafe=*/true);
}

}  // namespace

void AnswerPass::add(const Objective& objective, const std::vector<Example>& examples,
                     std::span<const std::int64_t> members, std::uint64_t dropout_key) {
  std::vector<const Example*> chosen;
  std::vector<std::uint64_t> keys;
  for (const std::int64_t member : members) {
    chosen.push_back(&examples[static_cast<std::size_t>(member)]);
    keys.push_back(hash_words({dropout_key, static_cast<std::uint64_t>(member)}));
  }
  add(objective, std::move(chosen), keys);
}

/// `keys`: of each example; an example has the same masks wherever and with whomever it passes.
void AnswerPass::add(const Objective& objective, std::vector<const Example*> examples,
                     const std::vector<std::uint64_t>& keys) {
  Part part;
  part.objective = &objective;
  part.first_row = static_cast<std::int64_t>(rows_.size());
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const Example* example = examples[i];
    part.example_rows.push_back(0);
    const std::vector<std::span<const TokenId>> answers = objective.answers(*example);
    for (std::size_t a = 0; a < answers.size(); ++a) {
      const std::span<const TokenId> answer = answers[a];
      std::vector<TokenId> sequence = example->prompt;
      sequence.insert(sequence.end(), answer.begin(), answer.end() - 1);
      const auto length = static_cast<std::int64_t>(answer.size());
      tokens_ += static_cast<std::int64_t>(sequence.size());
      for (std::int64_t row = tokens_ - length; row < tokens_; ++row) rows_.push_back(row);
      targets_.insert(targets_.end(), answer.begin(), answer.end());
      texts_.push_back({hash_words({keys[i], a}), static_cast<std::int64_t>(sequence.size())});
      sequences_.push_back(std::move(sequence));
      part.lengths.push_back(length);
      part.example_rows.back() += length;
    }
  }
  part.examples = std::move(examples);
  part.rows = static_cast<std::int64_t>(rows_.size()) - part.first_row;
  parts_.push_back(std::move(part));
}

std::shared_ptr<const DropoutMasks> AnswerPass::masks(torch::Device device) const {
  return std::make_shared<const DropoutMasks>(texts_, rows_, device);
}

void AnswerPass::run(const Weights& model,
                     const std::function<Tensor(const Tensor&, std::int64_t)>& drop) {
  model_ = &model;
  trains_ = torch::GradMode::is_enabled();
  const torch::Device device = model.embedding.device();
  const std::int64_t start = 0;
  std::vector<std::span<const std::int64_t>> lists = {rows_, targets_};
  for (const Part& part : parts_) {
    lists.emplace_back(part.lengths);
    lists.emplace_back(part.example_rows);
  }
  const PackedTokens packed = PackedTokens::pack(sequences_, {&start, 1}, device, lists);
  targets_R_ = packed.lists[1];
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    parts_[i].lengths_A = packed.lists[2 + 2 * i];
    parts_[i].example_rows_E = packed.lists[3 + 2 * i];
  }
  hidden_RD_ = hidden_states(model, packed, {.rows_R = packed.lists[0], .drop = drop});
}

Tensor AnswerPass::rows_of(std::size_t part, const Tensor& all) const {
  return all.narrow(0, parts_[part].first_row, parts_[part].rows);
}

Tensor AnswerPass::token_losses(std::size_t part) const {
  if (!losses_R_.defined()) {
    const torch::AutoGradMode mode(trains_);
    losses_R_ = cross_entropy(*model_, hidden_RD_, targets_R_);
  }
  return rows_of(part, losses_R_);
}

Tensor AnswerPass::logits_of(std::size_t part) const {
  const torch::AutoGradMode mode(trains_);
  return logits(*model_, rows_of(part, hidden_RD_)).to(torch::kFloat32);
}

ScoredAnswers AnswerPass::scored_by(const Weights& reference, std::size_t part) const {
  const auto is_alike = [&](std::size_t other) {
    return parts_[other].objective == parts_[part].objective;
  };
  std::size_t begin = part, end = part + 1;
  while (begin > 0 && is_alike(begin - 1)) --begin;
  while (end < parts_.size() && is_alike(end)) ++end;
  std::unique_ptr<AnswerPass>& pass = references_[{begin, &reference}];
  if (pass == nullptr) {
    pass = std::make_unique<AnswerPass>();
    for (std::size_t i = begin; i < end; ++i) {
      const Part& like = parts_[i];
      pass->add(*like.objective, like.examples, std::vector<std::uint64_t>(like.examples.size()));
    }
    const torch::NoGradGuard no_grad;
    pass->run(reference, {});
  }
  return pass->part(part - begin);
}

std::function<Tensor(const Tensor&, std::int64_t)> residual_dropout(
    const std::shared_ptr<const DropoutMasks>& masks, double p) {
  if (p == 0) return {};
  return [masks, p](const Tensor& x, std::int64_t place) {
    return masks->drop(x, p, residual_place(place));
  };
}

std::uint64_t residual_place(std::int64_t place) {
  return hash_words({hash_text("residual"), static_cast<std::uint64_t>(place)});
}

Tensor sum_of(const Objective& objective, const ScoredAnswers& answers,
              const std::vector<double>& factors) {
  const Tensor losses_E = objective.losses(answers);
  if (factors.empty()) return losses_E.sum();
  const std::vector<float> list(factors.begin(), factors.end());
  return (losses_E * staged(list, losses_E.device())).sum();
}

const std::vector<const Example*>& ScoredAnswers::examples() const {
  return pass_->parts_[part_].examples;
}

const std::vector<std::int64_t>& ScoredAnswers::lengths() const {
  return pass_->parts_[part_].lengths;
}

Tensor ScoredAnswers::token_losses() const {
  return pass_->token_losses(part_);
}

Tensor ScoredAnswers::answer_losses() const {
  return sums_of(token_losses(), pass_->parts_[part_].lengths_A);
}

Tensor ScoredAnswers::example_sums(const Tensor& values_R) const {
  return sums_of(values_R, pass_->parts_[part_].example_rows_E);
}

Tensor ScoredAnswers::logits() const {
  return pass_->logits_of(part_);
}

ScoredAnswers ScoredAnswers::scored_by(const Weights& reference) const {
  return pass_->scored_by(reference, part_);
}

}  // namespace factsweep
