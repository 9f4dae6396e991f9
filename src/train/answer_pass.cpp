#include "answer_pass.hpp"

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

using torch::Tensor;

void AnswerPass::add(const Objective& objective, const std::vector<Example>& examples,
                     std::span<const std::int64_t> members) {
  std::vector<const Example*> chosen;
  for (const std::int64_t member : members)
    chosen.push_back(&examples[static_cast<std::size_t>(member)]);
  add(objective, std::move(chosen));
}

void AnswerPass::add(const Objective& objective, std::vector<const Example*> examples) {
  Part part;
  part.objective = &objective;
  part.first_row = static_cast<std::int64_t>(rows_.size());
  for (const Example* example : examples) {
    for (const std::span<const TokenId> answer : objective.answers(*example)) {
      std::vector<TokenId> sequence = example->prompt;
      sequence.insert(sequence.end(), answer.begin(), answer.end() - 1);
      const auto length = static_cast<std::int64_t>(answer.size());
      tokens_ += static_cast<std::int64_t>(sequence.size());
      for (std::int64_t row = tokens_ - length; row < tokens_; ++row) rows_.push_back(row);
      targets_.insert(targets_.end(), answer.begin(), answer.end());
      sequences_.push_back(std::move(sequence));
      part.lengths.push_back(length);
    }
  }
  part.examples = std::move(examples);
  part.rows = static_cast<std::int64_t>(rows_.size()) - part.first_row;
  parts_.push_back(std::move(part));
}

void AnswerPass::run(const Weights& model, const std::function<Tensor(const Tensor&)>& drop) {
  model_ = &model;
  trains_ = torch::GradMode::is_enabled();
  const torch::Device device = model.embedding.device();
  const std::int64_t start = 0;
  const PackedTokens packed = PackedTokens::pack(sequences_, {&start, 1}, device);
  hidden_RD_ =
      hidden_states(model, packed, {.rows_R = torch::tensor(rows_).to(device), .drop = drop});
}

Tensor AnswerPass::rows_of(std::size_t part, const Tensor& all) const {
  return all.narrow(0, parts_[part].first_row, parts_[part].rows);
}

Tensor AnswerPass::token_losses(std::size_t part) const {
  if (!losses_R_.defined()) {
    const torch::AutoGradMode mode(trains_);
    losses_R_ = cross_entropy(*model_, hidden_RD_, torch::tensor(targets_).to(hidden_RD_.device()));
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
    for (std::size_t i = begin; i < end; ++i) pass->add(*parts_[i].objective, parts_[i].examples);
    const torch::NoGradGuard no_grad;
    pass->run(reference, {});
  }
  return pass->part(part - begin);
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
  std::vector<Tensor> sums;
  for (const Tensor& answer : token_losses().split_with_sizes(lengths()))
    sums.push_back(answer.sum());
  return torch::stack(sums);
}

Tensor ScoredAnswers::logits() const {
  return pass_->logits_of(part_);
}

ScoredAnswers ScoredAnswers::scored_by(const Weights& reference) const {
  return pass_->scored_by(reference, part_);
}

}  // namespace factsweep
