#include "factsweep/edit/metrics.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "factsweep/core/error.hpp"
#include "factsweep/data/answer_matcher.hpp"
#include "factsweep/label/probe.hpp"
#include "factsweep/label/spelling.hpp"
#include "factsweep/model/candidates.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kLogitRows = 512;  // rows whose logits are in memory at a time

std::int64_t size_of(const ForcedText& text) {
  return static_cast<std::int64_t>(text.ids.size());
}

std::int64_t targets_of(const ForcedText& text) {
  return std::max<std::int64_t>(0, size_of(text) - text.prompt_tokens);
}

/// Two candidates a row are enough for the first of them.
void argmax(const Weights& weights, const torch::Tensor& hidden_RD, std::vector<TokenId>& out) {
  for (std::int64_t begin = 0; begin < hidden_RD.size(0); begin += kLogitRows) {
    const std::int64_t rows = std::min(kLogitRows, hidden_RD.size(0) - begin);
    const Candidates found = find_candidates(weights, hidden_RD.narrow(0, begin, rows), 2, 1.0);
    for (std::int64_t row = 0; row < rows; ++row) out.push_back(found.row_ids(row).front());
  }
}

/// The argmax at every row from the last prompt token to the last token, text after text.
std::vector<TokenId> predict_batch(const Model& model, std::span<const ForcedText* const> batch) {
  std::vector<std::vector<TokenId>> sequences;
  std::vector<std::int64_t> rows;
  std::int64_t tokens = 0;
  for (const ForcedText* text : batch) {
    for (std::int64_t i = text->prompt_tokens - 1; i < size_of(*text); ++i)
      rows.push_back(tokens + i);
    tokens += size_of(*text);
    sequences.push_back(text->ids);
  }
  const std::int64_t start = 0;
  const PackedTokens packed = PackedTokens::pack(sequences, {&start, 1}, model.device(), {rows});
  std::vector<TokenId> found;
  argmax(model.weights, hidden_states(model.weights, packed, {.rows_R = packed.lists[0]}), found);
  return found;
}

/// Share of a text's positions at which `a` and `b` hold the same token.
std::vector<double> share_equal(const std::vector<std::int64_t>& starts,
                                const std::vector<TokenId>& a, const std::vector<TokenId>& b) {
  std::vector<double> shares;
  for (std::size_t t = 0; t + 1 < starts.size(); ++t) {
    std::int64_t equal = 0;
    for (std::int64_t i = starts[t]; i < starts[t + 1]; ++i) equal += a[i] == b[i] ? 1 : 0;
    const std::int64_t count = starts[t + 1] - starts[t];
    shares.push_back(count == 0 ? kNothing
                                : static_cast<double>(equal) / static_cast<double>(count));
  }
  return shares;
}

/// What a greedy answer is known to be once it has drawn `token` after `text`, as probe() sees it.
Verdict settle(const Model& model, const AnswerMatcher& matcher, std::string text, TokenId token,
               bool is_last) {
  if (!model.is_eos(token)) text += model.tokenizer->piece(token);
  if (is_last || model.ends_answer(token))
    return matcher.matches(text) ? Verdict::matched : Verdict::dead;
  const Verdict verdict = matcher.judge(text);
  return verdict == Verdict::matched && !matcher.match_is_final() ? Verdict::possible : verdict;
}

/// The greedy answer along the target's tokens and one token off them; possible: undecided.
Verdict follow_target(const Model& model, const AnswerMatcher& matcher,
                      std::span<const TokenId> predicted, std::span<const TokenId> labels,
                      TokenId following, std::int64_t max_new_tokens) {
  std::string text;
  for (std::size_t i = 0;; ++i) {
    const TokenId token = i < labels.size() ? predicted[i] : following;
    const bool is_last = static_cast<std::int64_t>(i) + 1 >= max_new_tokens;
    if (is_last || i == labels.size() || token != labels[i] || model.ends_answer(token))
      return settle(model, matcher, text, token, is_last);
    text += model.tokenizer->piece(token);
  }
}

}  // namespace

std::vector<ForcedText> force(const Tokenizer& tokenizer,
                              std::span<const Continuation> continuations, std::string_view lead) {
  std::vector<ForcedText> texts;
  texts.reserve(continuations.size());
  for (const Continuation& continuation : continuations) {
    ForcedText& text = texts.emplace_back();
    if (continuation.prompt.empty() || continuation.target.empty()) continue;
    text.prompt = continuation.prompt;
    text.target = std::string(lead) + continuation.target;
    const std::vector<TokenId> prompt = tokenizer.encode(text.prompt, true);
    text.ids = tokenizer.encode(text.prompt + text.target, true);
    text.prompt_tokens = static_cast<std::int64_t>(prompt.size());
    text.continues = prompt.size() <= text.ids.size() &&
                     std::equal(prompt.begin(), prompt.end(), text.ids.begin());
    if (prompt.empty()) text.ids.clear();  // nothing to predict the first token from
  }
  return texts;
}

ForcedPredictions predict(const Model& model, std::span<const ForcedText> texts,
                          std::int64_t batch_tokens,
                          const std::function<void(double, std::int64_t)>& step) {
  torch::NoGradGuard no_grad;
  ForcedPredictions result;
  std::vector<std::size_t> order;
  for (std::size_t t = 0; t < texts.size(); ++t) {
    result.starts.push_back(result.starts.back() + targets_of(texts[t]));
    if (targets_of(texts[t]) == 0) continue;
    order.push_back(t);
    result.labels.insert(result.labels.end(), texts[t].ids.begin() + texts[t].prompt_tokens,
                         texts[t].ids.end());
  }
  result.predicted.resize(result.labels.size());
  result.following.assign(texts.size(), -1);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return texts[a].ids.size() < texts[b].ids.size();
  });
  for (std::size_t begin = 0; begin < order.size();) {
    std::vector<const ForcedText*> batch;
    std::int64_t tokens = 0;
    for (std::size_t i = begin; i < order.size() && (i == begin || tokens < batch_tokens); ++i) {
      batch.push_back(&texts[order[i]]);
      tokens += size_of(texts[order[i]]);
    }
    const std::vector<TokenId> found = predict_batch(model, batch);
    auto next = found.begin();
    for (std::size_t i = begin; i < begin + batch.size(); ++i) {
      const std::int64_t count = targets_of(texts[order[i]]);
      std::copy_n(next, count, result.predicted.begin() + result.starts[order[i]]);
      result.following[order[i]] = next[count];
      next += count + 1;
    }
    begin += batch.size();
    step(static_cast<double>(begin) / static_cast<double>(order.size()), tokens);
  }
  return result;
}

std::vector<double> token_accuracy(const ForcedPredictions& predictions) {
  return share_equal(predictions.starts, predictions.predicted, predictions.labels);
}

std::vector<double> agreement(const ForcedPredictions& before, const ForcedPredictions& after) {
  require(before.starts == after.starts && before.labels == after.labels,
          "agreement: predictions of the same texts");
  return share_equal(before.starts, before.predicted, after.predicted);
}

std::vector<double> greedy_match(const Model& model, std::span<const ForcedText> texts,
                                 const ForcedPredictions& predictions,
                                 const GreedyMatchSettings& settings,
                                 const std::function<void(double, std::int64_t)>& step) {
  require(predictions.following.size() == texts.size() && settings.max_new_tokens >= 1,
          "greedy_match: predictions of these texts, max_new_tokens >= 1");
  std::vector<double> result(texts.size(), kNothing);
  std::vector<std::size_t> open;
  std::vector<ProbeItem> items;
  for (std::size_t t = 0; t < texts.size(); ++t) {
    const std::int64_t begin = predictions.starts[t], count = predictions.starts[t + 1] - begin;
    if (count == 0) continue;
    std::shared_ptr<const AnswerMatcher> matcher =
        AnswerMatcher::make(settings.rule, spell(*model.tokenizer, texts[t].target).text);
    const Verdict verdict =
        texts[t].continues
            ? follow_target(model, *matcher, std::span(predictions.predicted).subspan(begin, count),
                            std::span(predictions.labels).subspan(begin, count),
                            predictions.following[t], settings.max_new_tokens)
            : Verdict::possible;
    result[t] = verdict == Verdict::matched ? 1 : 0;
    if (verdict != Verdict::possible) continue;
    open.push_back(t);
    items.push_back(make_item(model, texts[t].prompt, "", texts[t].target, std::move(matcher)));
  }
  // a branch floor of 1 follows the greedy answer alone, whatever the temperature
  const std::vector<ProbeResult> probed = probe(model, items,
                                                {.temperature = 1,
                                                 .top_k = 2,
                                                 .max_new_tokens = settings.max_new_tokens,
                                                 .branch_floor = 1,
                                                 .batch_tokens = settings.batch_tokens},
                                                step);
  for (std::size_t i = 0; i < open.size(); ++i) result[open[i]] = probed[i].greedy ? 1 : 0;
  return result;
}

}  // namespace factsweep
