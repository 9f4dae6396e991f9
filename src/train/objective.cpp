#include "factsweep/train/objective.hpp"

#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

class AnswerLoss : public Objective {
 public:
  std::string settings() const override { return "answers"; }
  torch::Tensor losses(const ScoredAnswers& answers) const override {
    return answers.example_sums(answers.token_losses());
  }
};

}  // namespace

void StepLoss::add(const StepLoss& other) {
  sum += other.sum;
  answer_tokens += other.answer_tokens;
  tokens += other.tokens;
  weight += other.weight;
}

std::vector<std::span<const TokenId>> Objective::answers(const Example& example) const {
  return {example.answer};
}

double Objective::weight(const Example& example) const {
  std::size_t tokens = 0;
  for (const std::span<const TokenId> answer : answers(example)) tokens += answer.size();
  return static_cast<double>(tokens);
}

StepLoss size_of(const Objective& objective, const Example& example) {
  StepLoss size;
  for (const std::span<const TokenId> answer : objective.answers(example)) {
    size.answer_tokens += static_cast<std::int64_t>(answer.size());
    size.tokens += static_cast<std::int64_t>(example.prompt.size() + answer.size()) - 1;
  }
  size.weight = objective.weight(example);
  return size;
}

std::shared_ptr<const Objective> answer_loss() {
  static const auto objective = std::make_shared<const AnswerLoss>();
  return objective;
}

}  // namespace factsweep
