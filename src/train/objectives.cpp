#include "factsweep/train/objectives.hpp"

#include <fmt/format.h>

#include <cmath>

#include "factsweep/core/error.hpp"
#include "factsweep/model/staging.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

using torch::Tensor;

Ascent::Ascent(std::shared_ptr<const Objective> objective) : objective_(std::move(objective)) {}

std::string Ascent::settings() const {
  return fmt::format("ascent ({})", objective_->settings());
}

std::vector<std::span<const TokenId>> Ascent::answers(const Example& example) const {
  return objective_->answers(example);
}

double Ascent::weight(const Example& example) const {
  return objective_->weight(example);
}

double Ascent::share(const Example& example) const {
  return objective_->share(example);
}

Tensor Ascent::losses(const ScoredAnswers& answers) const {
  return -objective_->losses(answers);
}

NearBase::NearBase(const Weights& base, double coefficient,
                   std::shared_ptr<const Objective> objective)
    : base_(base), coefficient_(coefficient), objective_(std::move(objective)) {
  require(coefficient > 0, "NearBase: a coefficient above 0");
}

std::string NearBase::settings() const {
  return fmt::format("near base {} ({})", coefficient_, objective_->settings());
}

std::vector<std::span<const TokenId>> NearBase::answers(const Example& example) const {
  return objective_->answers(example);
}

double NearBase::weight(const Example& example) const {
  return objective_->weight(example);
}

double NearBase::share(const Example& example) const {
  return objective_->share(example);
}

Tensor NearBase::losses(const ScoredAnswers& answers) const {
  const Tensor log_base_RV = answers.scored_by(base_).logits().log_softmax(-1);
  const Tensor log_p_RV = answers.logits().log_softmax(-1);
  const Tensor divergence_R =
      at::kl_div(log_p_RV, log_base_RV, at::Reduction::None, /*log_target=*/true).sum(-1);
  return objective_->losses(answers) + answers.example_sums(divergence_R) * coefficient_;
}

Preference::Preference(const Weights& reference, double beta) : reference_(reference), beta_(beta) {
  require(beta > 0, "Preference: a beta above 0");
}

std::string Preference::settings() const {
  return fmt::format("preference {}", beta_);
}

std::vector<std::span<const TokenId>> Preference::answers(const Example& example) const {
  require(!example.rejected.empty(), "Preference: an example without a rejected answer");
  return {example.answer, example.rejected};
}

double Preference::weight(const Example&) const {
  return 1;
}

Tensor Preference::losses(const ScoredAnswers& answers) const {
  // [E, 2], log p - log p_ref of the answer and of the rejected one
  const Tensor gain_E2 =
      (answers.scored_by(reference_).answer_losses() - answers.answer_losses()).view({-1, 2});
  return -at::log_sigmoid((gain_E2.select(1, 0) - gain_E2.select(1, 1)) * beta_);
}

std::string WeightedAnswers::settings() const {
  return "weighted answers";
}

double WeightedAnswers::weight(const Example& example) const {
  require(std::isfinite(example.weight) && example.weight > 0,
          "WeightedAnswers: weights above 0, and finite");
  return example.weight * Objective::weight(example);
}

double WeightedAnswers::share(const Example& example) const {
  return example.weight;
}

Tensor WeightedAnswers::losses(const ScoredAnswers& answers) const {
  std::vector<float> weights;
  for (const Example* example : answers.examples())
    weights.push_back(static_cast<float>(example->weight));
  const Tensor losses_E = answers.answer_losses();
  return losses_E * staged(weights, losses_E.device());
}

}  // namespace factsweep
