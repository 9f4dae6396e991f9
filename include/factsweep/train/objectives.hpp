// Objectives besides the answers' cross-entropy. No study uses them yet: they are for studies to
// come, and until then tests/unit/train/objectives_test.cpp is their user.
#pragma once

#include <memory>
#include <string>

#include "factsweep/train/objective.hpp"

namespace factsweep {

/// Gradient ascent: the negative of another objective, for unlearning (Jang et al., arXiv
/// 2210.01504, equation 1).
class Ascent : public Objective {
 public:
  explicit Ascent(std::shared_ptr<const Objective> objective = answer_loss());
  std::string settings() const override;
  std::vector<std::span<const TokenId>> answers(const Example& example) const override;
  double weight(const Example& example) const override;
  double share(const Example& example) const override;
  torch::Tensor losses(const ScoredAnswers& answers) const override;

 private:
  std::shared_ptr<const Objective> objective_;
};

/// Another objective, and `coefficient` times the sum over answer tokens of KL(p of base || p of
/// the model), which keeps the model where the base is (Yao et al., arXiv 2310.10683, equation 6).
class NearBase : public Objective {
 public:
  /// Shares storage with `base`, which nobody may change in the meantime. `coefficient` > 0.
  NearBase(const Weights& base, double coefficient,
           std::shared_ptr<const Objective> objective = answer_loss());
  std::string settings() const override;
  std::vector<std::span<const TokenId>> answers(const Example& example) const override;
  double weight(const Example& example) const override;
  double share(const Example& example) const override;
  torch::Tensor losses(const ScoredAnswers& answers) const override;

 private:
  Weights base_;
  double coefficient_;
  std::shared_ptr<const Objective> objective_;
};

/// Direct preference optimisation (Rafailov et al., arXiv 2305.18290, equation 7): for each example
/// -log sigmoid(beta (log p(answer) / p_ref(answer) - log p(rejected) / p_ref(rejected))), and the
/// mean over examples. Every Example::rejected has tokens.
class Preference : public Objective {
 public:
  /// Shares storage with `reference`, which nobody may change in the meantime. `beta` > 0.
  Preference(const Weights& reference, double beta);
  std::string settings() const override;
  std::vector<std::span<const TokenId>> answers(const Example& example) const override;
  double weight(const Example& example) const override;
  torch::Tensor losses(const ScoredAnswers& answers) const override;

 private:
  Weights reference_;
  double beta_;
};

/// The cross-entropy of the answers' tokens, each example counting Example::weight times, also
/// where examples have a mean each.
class WeightedAnswers : public Objective {
 public:
  std::string settings() const override;
  double weight(const Example& example) const override;
  double share(const Example& example) const override;
  torch::Tensor losses(const ScoredAnswers& answers) const override;
};

}  // namespace factsweep
