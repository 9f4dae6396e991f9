#include "factsweep/label/probe.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/model/candidates.hpp"
#include "factsweep/model/decoding.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

/// A path at least this probable is likely to go on along the gold answer.
constexpr double kLikely = 0.01;

/// A beginning of an answer that may still match: `tokens` drawn so far, then `guess`, which is
/// likely to follow.
struct Path {
  std::size_t item = 0;
  double p = 1;
  bool greedy = true;  // every token so far was the argmax
  std::vector<TokenId> tokens;
  std::string text;
  std::vector<TokenId>
      guess;  // teacher-forced in the same pass; only saves passes, never changes results
};

std::string_view without_leading_space(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\r\n\f\v");
  return start == std::string_view::npos ? std::string_view() : text.substr(start);
}

class Prober {
 public:
  Prober(const Model& model, const std::vector<ProbeItem>& items, const ProbeSettings& settings,
         const std::function<void(double, std::int64_t)>& step, const WorkKeeper& keeper)
      : model_(model),
        items_(items),
        settings_(settings),
        step_(step),
        keeper_(keeper),
        results_(items.size()) {}

  std::vector<ProbeResult> run() {
    take_up();
    encode_prefixes();
    while (asked_ < items_.size()) {
      ask();
      while (!frontier_.empty()) {
        std::vector<Path> paths = std::exchange(frontier_, {});
        for (std::size_t first = 0; first < paths.size();) first = follow(paths, first);
      }
      finished_ = asked_;
      keeper_.keep(false, [this] { return state_of(std::span(results_).first(finished_)); });
    }
    decode_near_ties();
    return std::move(results_);
  }

 private:
  /// Goes on where an earlier call was stopped.
  void take_up() {
    keeper_.take_up([this](const WorkState& from) {
      from.check_done(items_.size());
      std::vector<ProbeResult> before = results_of(from);
      asked_ = finished_ = before.size();
      std::move(before.begin(), before.end(), results_.begin());
    });
  }

  /// What the prompts of each set begin with, all sets in one pass.
  void encode_prefixes() {
    std::vector<std::vector<TokenId>> prefixes;
    for (std::size_t begin = 0; begin < items_.size();) {
      std::size_t end = begin;
      std::vector<std::vector<TokenId>> prompts;
      for (; end < items_.size() && items_[end].set == items_[begin].set; ++end)
        prompts.push_back(items_[end].prompt);
      prefix_of_.resize(end, static_cast<std::int64_t>(prefixes.size()));
      const auto shared = static_cast<std::ptrdiff_t>(common_prefix(prompts));
      prefixes.emplace_back(prompts.front().begin(), prompts.front().begin() + shared);
      begin = end;
    }
    prefix_ = SharedPrefix::compute(model_.weights, prefixes);
  }

  /// Sequences of one forward pass, and which of their rows predict a token that matters.
  struct Batch {
    std::vector<std::vector<TokenId>> sequences;
    std::vector<std::int64_t> rows, first_row;       // first_row: of each path, an index into rows
    std::vector<std::int64_t> positions, prefix_of;  // of each sequence
    std::int64_t tokens = 0;

    void add(std::vector<TokenId> sequence, const std::vector<TokenId>& guess,
             std::int64_t position, std::int64_t prefix) {
      positions.push_back(position);
      prefix_of.push_back(prefix);
      const std::int64_t start = tokens + static_cast<std::int64_t>(sequence.size()) - 1;
      sequence.insert(sequence.end(), guess.begin(), guess.end());
      tokens += static_cast<std::int64_t>(sequence.size());
      first_row.push_back(static_cast<std::int64_t>(rows.size()));
      for (std::int64_t row = start; row < tokens; ++row) rows.push_back(row);
      sequences.push_back(std::move(sequence));
    }
  };

  /// The next prompts, as many as fit. Their keys and values stay for the paths that follow.
  /// Answers are not fed yet: most questions are not worth it.
  void ask() {
    const std::size_t begin = asked_;
    Batch batch;
    std::vector<Path> paths;
    for (std::size_t i = begin;
         i < items_.size() && (i == begin || batch.tokens < settings_.batch_tokens); ++i) {
      const ProbeItem& item = items_[i];
      paths.push_back({.item = i, .tokens = {}, .text = {}, .guess = {}});
      const std::int64_t shared = prefix_.lengths[static_cast<std::size_t>(prefix_of_[i])];
      std::vector<TokenId> suffix(item.prompt.begin() + shared, item.prompt.end());
      batch.add(std::move(suffix), {}, shared, prefix_of_[i]);
    }
    first_kept_ = begin;
    kept_ = {};
    asked_ = begin + paths.size();
    const Candidates candidates = forward(batch, {.prefix = &prefix_}, &kept_, {});
    for (std::size_t j = 0; j < paths.size(); ++j)
      walk(std::move(paths[j]), candidates, batch.first_row[j]);
  }

  /// One forward pass of the tokens that paths drew beyond their prompts; returns the first path
  /// not taken.
  std::size_t follow(std::vector<Path>& paths, std::size_t begin) {
    Batch batch;
    std::vector<std::int64_t> kept_rows;
    std::size_t end = begin;
    for (; end < paths.size() && (end == begin || batch.tokens < settings_.batch_tokens); ++end) {
      Path& path = paths[end];
      shorten_guess(path);
      batch.add(path.tokens, path.guess, static_cast<std::int64_t>(items_[path.item].prompt.size()),
                prefix_of_[path.item]);
      kept_rows.push_back(static_cast<std::int64_t>(path.item - first_kept_));
    }
    const Candidates candidates =
        forward(batch, {.prefix = &prefix_, .past = &kept_}, nullptr, kept_rows);
    for (std::size_t j = begin; j < end; ++j)
      walk(std::move(paths[j]), candidates, batch.first_row[j - begin]);
    return end;
  }

  void shorten_guess(Path& path) const {
    const auto room = static_cast<std::size_t>(settings_.max_new_tokens) - path.tokens.size();
    path.guess.resize(std::min(path.guess.size(), room - 1));
  }

  /// `past_rows`: of each sequence, where the context has a past.
  Candidates forward(const Batch& batch, Context context, KeyValueCache* keep,
                     const std::vector<std::int64_t>& past_rows) const {
    const PackedTokens packed =
        PackedTokens::pack(batch.sequences, batch.positions, model_.device(),
                           {batch.rows, batch.prefix_of, past_rows});
    if (prefix_.lengths.size() > 1) {
      context.prefix_of = batch.prefix_of;
      context.prefix_of_B = packed.lists[1];
    }
    if (context.past != nullptr) context.past_rows_B = packed.lists[2];
    const torch::Tensor hidden = hidden_states(
        model_.weights, packed, {.context = context, .rows_R = packed.lists[0], .keep = keep});
    step_(static_cast<double>(asked_) / static_cast<double>(items_.size()), batch.tokens);
    return find_candidates(model_.weights, hidden, settings_.top_k, settings_.temperature);
  }

  /// Settles every token that may follow the path, then goes on along its guess.
  void walk(Path path, const Candidates& candidates, std::int64_t row) {
    for (std::size_t g = 0;; ++g, ++row) {
      const TokenId guessed = g < path.guess.size() ? path.guess[g] : TokenId{-1};
      double p_guessed = 0;
      bool greedy_guessed = false;
      if (path.greedy && candidates.gap(row) < settings_.tie_epsilon)
        results_[path.item].near_tie = true;
      const auto ids = candidates.row_ids(row);
      const auto probabilities = candidates.row_probabilities(row);
      for (std::size_t rank = 0; rank < ids.size(); ++rank) {
        const double p = path.p * probabilities[rank];
        const bool greedy = path.greedy && rank == 0;
        if (ids[rank] == guessed) {
          p_guessed = p;
          greedy_guessed = greedy;
        } else {
          settle(path, ids[rank], p, greedy);
        }
      }
      if (guessed < 0 || (p_guessed < settings_.branch_floor && !greedy_guessed)) {
        if (guessed >= 0) results_[path.item].pruned += p_guessed;
        return;
      }
      path.p = p_guessed;
      path.greedy = greedy_guessed;
      path.tokens.push_back(guessed);
      path.text += model_.tokenizer->piece(guessed);
    }
  }

  void settle(const Path& path, TokenId token, double p, bool greedy) {
    const AnswerMatcher& matcher = *items_[path.item].matcher;
    const bool is_eos = model_.is_eos(token);
    const std::string text =
        path.text + std::string(is_eos ? std::string_view() : model_.tokenizer->piece(token));
    const bool ended =
        is_eos || model_.ends_answer(token) ||
        static_cast<std::int64_t>(path.tokens.size()) + 1 >= settings_.max_new_tokens;
    if (ended) {
      if (!matcher.matches(text)) return;
      results_[path.item].p += p;
      if (greedy) {
        results_[path.item].greedy = true;
        results_[path.item].said = text;
      }
      return;
    }
    const Verdict verdict = matcher.judge(text);
    if (verdict == Verdict::dead) return;
    if (verdict == Verdict::matched && matcher.match_is_final()) {
      results_[path.item].p += p;
      if (greedy) results_[path.item].greedy = true;
      return;
    }
    if (p < settings_.branch_floor && !greedy) {
      results_[path.item].pruned += p;
      return;
    }
    Path next{.item = path.item,
              .p = p,
              .greedy = greedy,
              .tokens = path.tokens,
              .text = text,
              .guess = {}};
    next.tokens.push_back(token);
    if (p >= kLikely || greedy) next.guess = continuation(path.item, text);
    frontier_.push_back(std::move(next));
  }

  /// The remaining tokens of the first answer of which `text` is a beginning and the tokenizer
  /// spells the rest exactly.
  std::vector<TokenId> continuation(std::size_t item, std::string_view text) const {
    std::vector<TokenId> tokens = continuation(items_[item].gold_text, text);
    for (const std::string& other : items_[item].other_texts) {
      if (!tokens.empty()) break;
      tokens = continuation(other, text);
    }
    return tokens;
  }

  std::vector<TokenId> continuation(std::string_view answer, std::string_view text) const {
    const std::string_view gold = without_leading_space(answer);
    const std::string_view begun = without_leading_space(text);
    if (!gold.starts_with(begun)) return {};
    const std::string_view rest = gold.substr(begun.size());
    const std::vector<TokenId> tokens = model_.tokenizer->encode(rest);
    std::string spelled;
    for (const TokenId token : tokens) spelled += model_.tokenizer->piece(token);
    return spelled == rest ? tokens : std::vector<TokenId>{};
  }

  /// Greedy verdicts that hang on a rounding error come from decoding the whole prompt token by
  /// token.
  void decode_near_ties() {
    std::vector<std::size_t> doubtful;
    std::vector<DecodeRequest> requests;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (!results_[i].near_tie) continue;
      doubtful.push_back(i);
      requests.push_back({.prompt = items_[i].prompt, .greedy = true});
    }
    if (requests.empty()) return;
    const auto alive = [&](std::size_t request, std::string_view text) {
      return items_[doubtful[request]].matcher->judge(text) != Verdict::dead;
    };
    const auto tell = [&](std::int64_t tokens) { step_(1, tokens); };
    const auto decoded =
        decode(model_, requests, {.max_new_tokens = settings_.max_new_tokens}, alive, tell);
    for (std::size_t j = 0; j < doubtful.size(); ++j) {
      const std::string& text = decoded[j].front().text;
      const bool matches = items_[doubtful[j]].matcher->matches(text);
      results_[doubtful[j]].greedy = matches;
      results_[doubtful[j]].said = matches ? text : "";
    }
  }

  const Model& model_;
  const std::vector<ProbeItem>& items_;
  const ProbeSettings settings_;
  const std::function<void(double, std::int64_t)>& step_;
  const WorkKeeper& keeper_;
  std::vector<ProbeResult> results_;
  std::vector<Path> frontier_;
  KeyValueCache kept_;  // of the prompts asked last, after the prefix: items from first_kept_ on
  std::size_t first_kept_ = 0;
  SharedPrefix prefix_;
  std::vector<std::int64_t> prefix_of_;  // [item]
  std::size_t asked_ = 0, finished_ = 0;  // items, from the first one on
};

/// One value a result.
template <typename T>
torch::Tensor column_of(std::span<const ProbeResult> results, T ProbeResult::*member) {
  using Stored = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;
  torch::Tensor column = torch::empty({static_cast<std::int64_t>(results.size())},
                                      c10::CppTypeToScalarType<Stored>::value);
  for (std::size_t i = 0; i < results.size(); ++i)
    column.data_ptr<Stored>()[i] = static_cast<Stored>(results[i].*member);
  return column;
}

template <typename T>
void fill_from(std::vector<ProbeResult>& results, const torch::Tensor& column,
               T ProbeResult::*member) {
  const torch::Tensor values = column.to(torch::kCPU, torch::kFloat64).contiguous();
  for (std::size_t i = 0; i < results.size(); ++i)
    results[i].*member = static_cast<T>(values.data_ptr<double>()[i]);
}

}  // namespace

WorkState state_of(std::span<const ProbeResult> results) {
  WorkState state{static_cast<std::int64_t>(results.size()),
                  {{"p", column_of(results, &ProbeResult::p)},
                   {"pruned", column_of(results, &ProbeResult::pruned)},
                   {"greedy", column_of(results, &ProbeResult::greedy)},
                   {"near_tie", column_of(results, &ProbeResult::near_tie)}}};
  std::vector<std::string> said;
  for (const ProbeResult& result : results) said.push_back(result.said);
  state.add_texts("said", said);
  return state;
}

std::vector<ProbeResult> results_of(const WorkState& state) {
  std::vector<ProbeResult> results(static_cast<std::size_t>(state.done));
  fill_from(results, state.at("p", {state.done}), &ProbeResult::p);
  fill_from(results, state.at("pruned", {state.done}), &ProbeResult::pruned);
  fill_from(results, state.at("greedy", {state.done}), &ProbeResult::greedy);
  fill_from(results, state.at("near_tie", {state.done}), &ProbeResult::near_tie);
  std::vector<std::string> said = state.texts("said");
  if (said.size() != results.size())
    throw InputError("it has an answer too few or too many.");
  for (std::size_t i = 0; i < results.size(); ++i) results[i].said = std::move(said[i]);
  return results;
}

std::vector<ProbeResult> probe(const Model& model, const std::vector<ProbeItem>& items,
                               const ProbeSettings& settings,
                               const std::function<void(double, std::int64_t)>& step,
                               const WorkKeeper& keeper) {
  if (items.empty()) return {};
  require(settings.max_new_tokens >= 1, "probe: max_new_tokens >= 1");
  torch::NoGradGuard no_grad;
  return Prober(model, items, settings, step, keeper).run();
}

ProbeItem make_item(const Model& model, const std::string& prompt, const std::string& lead,
                    const std::string& answer, std::shared_ptr<const AnswerMatcher> matcher) {
  ProbeItem item{model.tokenizer->encode(prompt, true), {}, lead + answer, std::move(matcher)};
  std::vector<TokenId> whole = model.tokenizer->encode(prompt + item.gold_text, true);
  if (whole.size() > item.prompt.size() &&
      std::equal(item.prompt.begin(), item.prompt.end(), whole.begin())) {
    item.gold.assign(whole.begin() + static_cast<std::ptrdiff_t>(item.prompt.size()), whole.end());
  } else {
    item.gold = model.tokenizer->encode(item.gold_text);
  }
  return item;
}

ProbeItem make_item(const Model& model, const std::string& prompt, const std::string& lead,
                    const std::vector<std::string>& answers,
                    std::shared_ptr<const AnswerMatcher> matcher) {
  ProbeItem item = make_item(model, prompt, lead, answers.at(0), std::move(matcher));
  for (std::size_t i = 1; i < answers.size(); ++i) item.other_texts.push_back(lead + answers[i]);
  return item;
}

}  // namespace factsweep
