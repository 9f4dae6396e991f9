// P(True): does the model itself believe the gold answer? (Kadavath et al., arXiv 2207.05221;
// SliCK, appendix J)
#include <algorithm>
#include <cmath>

#include "factsweep/label/labelling.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

constexpr std::size_t kBatch = 64;  // proposed answers a forward pass

/// Sum of log-probabilities of `completion` after each prompt; one pass over prompts + completion.
std::vector<double> score_completion(const Model& model,
                                     const std::vector<std::vector<TokenId>>& prompts,
                                     const std::vector<TokenId>& completion) {
  std::vector<std::vector<TokenId>> sequences = prompts;
  std::vector<std::int64_t> rows, targets;
  std::int64_t tokens = 0;
  for (auto& sequence : sequences) {
    const auto first = tokens + static_cast<std::int64_t>(sequence.size()) - 1;
    sequence.insert(sequence.end(), completion.begin(), completion.end() - 1);
    tokens += static_cast<std::int64_t>(sequence.size());
    for (std::int64_t row = first; row < tokens; ++row) rows.push_back(row);
    targets.insert(targets.end(), completion.begin(), completion.end());
  }
  const std::int64_t start = 0;
  const PackedTokens packed =
      PackedTokens::pack(sequences, {&start, 1}, model.device(), {rows, targets});
  const torch::Tensor hidden = hidden_states(model.weights, packed, {.rows_R = packed.lists[0]});
  const torch::Tensor log_p = logits(model.weights, hidden).to(torch::kFloat32).log_softmax(1);
  const torch::Tensor chosen = log_p.gather(1, packed.lists[1].unsqueeze(1));
  const torch::Tensor sums =
      chosen.view({static_cast<std::int64_t>(prompts.size()), -1}).sum(1).to(torch::kFloat64).cpu();
  return {sums.data_ptr<double>(), sums.data_ptr<double>() + sums.numel()};
}

}  // namespace

std::vector<float> p_true(const Model& model, const std::vector<Question>& questions,
                          const Prompts& asked, bool renormalised,
                          const std::function<void(double, std::int64_t)>& step) {
  torch::NoGradGuard no_grad;
  if (questions.empty()) return {};
  const std::string blank(
      blank_before_answer(asked.p_true.filled(questions.front(), questions.front().answer)));
  const std::vector<TokenId> yes = model.tokenizer->encode(blank + asked.yes),
                             no = model.tokenizer->encode(blank + asked.no);
  struct Proposal {
    std::size_t question;
    std::string answer;
  };
  std::vector<Proposal> proposals;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    for (std::string& answer : accepted_answers(questions[i]))
      proposals.push_back({i, std::move(answer)});
  }
  std::vector<float> result(questions.size(), -1);
  for (std::size_t begin = 0; begin < proposals.size(); begin += kBatch) {
    const std::size_t end = std::min(begin + kBatch, proposals.size());
    std::vector<std::vector<TokenId>> prompts;
    std::int64_t tokens = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const Proposal& proposal = proposals[i];
      prompts.push_back(model.tokenizer->encode(
          asked.p_true.filled(questions[proposal.question], proposal.answer), true));
      tokens += 2 * static_cast<std::int64_t>(prompts.back().size());
    }
    const std::vector<double> log_yes = score_completion(model, prompts, yes),
                              log_no = score_completion(model, prompts, no);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const auto p = static_cast<float>(renormalised ? 1 / (1 + std::exp(log_no[i] - log_yes[i]))
                                                     : std::exp(log_yes[i]));
      float& largest = result[proposals[begin + i].question];
      if (p > largest || std::isnan(p)) largest = p;  // what is no number stays none
    }
    step(static_cast<double>(end) / static_cast<double>(proposals.size()), tokens);
  }
  return result;
}

}  // namespace factsweep
