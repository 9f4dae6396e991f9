#include "factsweep/tasks/likelihood.hpp"

#include <algorithm>
#include <numeric>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

constexpr std::int64_t kLogitRows = 256;  // float32 logits of so many rows at a time

std::int64_t tokens_of(const ScoreRequest& request) {
  std::size_t tokens = request.prompt.size();
  for (const auto& continuation : request.continuations) tokens += continuation.size();
  return static_cast<std::int64_t>(tokens);
}

/// Log-probability of the target after each row, float64 on the CPU, [R].
torch::Tensor log_probabilities(const Weights& weights, const torch::Tensor& hidden_RD,
                                const torch::Tensor& targets_R) {
  std::vector<torch::Tensor> parts;
  for (std::int64_t row = 0; row < hidden_RD.size(0); row += kLogitRows) {
    const std::int64_t count = std::min(kLogitRows, hidden_RD.size(0) - row);
    const torch::Tensor scores_RV =
        logits(weights, hidden_RD.narrow(0, row, count)).to(torch::kFloat32);
    parts.push_back(scores_RV.log_softmax(1)
                        .gather(1, targets_R.narrow(0, row, count).unsqueeze(1))
                        .squeeze(1));
  }
  return torch::cat(parts).to(torch::kFloat64).cpu();
}

/// Scores the requests `members`: their prompts in one pass, all continuations in a second one.
void score_batch(const Model& model, const std::vector<ScoreRequest>& requests,
                 std::span<const std::size_t> members,
                 std::vector<std::vector<ContinuationScore>>& scores,
                 const std::function<void(std::int64_t)>& step) {
  // the prompt's last token predicts a continuation's first: it goes with each continuation
  std::vector<std::vector<TokenId>> prompts, sequences;
  std::vector<std::int64_t> starts, prefix_of, targets;
  for (const std::size_t member : members) {
    const ScoreRequest& request = requests[member];
    require(!request.prompt.empty(), "score_continuations: an empty prompt");
    for (const auto& continuation : request.continuations) {
      require(!continuation.empty(), "score_continuations: an empty continuation");
      sequences.push_back({request.prompt.back()});
      sequences.back().insert(sequences.back().end(), continuation.begin(), continuation.end() - 1);
      targets.insert(targets.end(), continuation.begin(), continuation.end());
      starts.push_back(static_cast<std::int64_t>(request.prompt.size()) - 1);
      prefix_of.push_back(static_cast<std::int64_t>(prompts.size()));
    }
    prompts.emplace_back(request.prompt.begin(), request.prompt.end() - 1);
  }
  if (sequences.empty()) return;
  const SharedPrefix prefix = SharedPrefix::compute(model.weights, prompts);
  step(std::accumulate(prefix.lengths.begin(), prefix.lengths.end(), std::int64_t{0}));
  const PackedTokens packed =
      PackedTokens::pack(sequences, starts, model.device(), {prefix_of, targets});
  const Context context{
      .prefix = &prefix, .prefix_of = prefix_of, .prefix_of_B = packed.lists[0]};
  const torch::Tensor hidden = hidden_states(model.weights, packed, {.context = context});
  const torch::Tensor log_p = log_probabilities(model.weights, hidden, packed.lists[1]);
  step(packed.tokens());
  const double* next = log_p.data_ptr<double>();
  for (const std::size_t member : members) {
    for (const auto& continuation : requests[member].continuations) {
      const auto tokens = static_cast<std::int64_t>(continuation.size());
      scores[member].push_back({std::accumulate(next, next + tokens, 0.0), tokens});
      next += tokens;
    }
  }
}

}  // namespace

std::vector<std::vector<ContinuationScore>> score_continuations(
    const Model& model, const std::vector<ScoreRequest>& requests, std::int64_t batch_tokens,
    const std::function<void(std::int64_t, std::int64_t)>& step) {
  torch::NoGradGuard no_grad;
  std::vector<std::vector<ContinuationScore>> scores(requests.size());
  // prompts of a like length are neighbours, so that attention has little padding
  std::vector<std::size_t> order(requests.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return requests[a].prompt.size() < requests[b].prompt.size();
  });
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    std::int64_t tokens = 0;
    while (end < order.size() &&
           (end == begin || tokens + tokens_of(requests[order[end]]) <= batch_tokens))
      tokens += tokens_of(requests[order[end++]]);
    score_batch(model, requests, std::span(order).subspan(begin, end - begin), scores,
                [&](std::int64_t passed) { step(static_cast<std::int64_t>(begin), passed); });
    begin = end;
  }
  return scores;
}

ContinuationScore score_texts(const Model& model, const std::vector<std::vector<TokenId>>& texts,
                              std::int64_t batch_tokens,
                              const std::function<void(std::int64_t, std::int64_t)>& step) {
  torch::NoGradGuard no_grad;
  constexpr std::int64_t kStart = 0;
  ContinuationScore score;
  for (std::size_t begin = 0, end = 0; begin < texts.size(); begin = end) {
    std::vector<std::vector<TokenId>> sequences;
    std::vector<std::int64_t> targets;
    std::int64_t tokens = 0;
    while (end < texts.size() && (tokens < batch_tokens || end == begin)) {
      const std::vector<TokenId>& text = texts[end++];
      require(text.size() > 1, "score_texts: a text of fewer than two tokens");
      sequences.emplace_back(text.begin(), text.end() - 1);
      targets.insert(targets.end(), text.begin() + 1, text.end());
      tokens += static_cast<std::int64_t>(text.size());
    }
    const PackedTokens packed =
        PackedTokens::pack(sequences, {&kStart, 1}, model.device(), {targets});
    const torch::Tensor log_p = log_probabilities(
        model.weights, hidden_states(model.weights, packed, {}), packed.lists[0]);
    score.sum += log_p.sum().item<double>();
    score.tokens += log_p.size(0);
    step(static_cast<std::int64_t>(end), packed.tokens());
  }
  return score;
}

}  // namespace factsweep
