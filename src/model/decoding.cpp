#include "factsweep/model/decoding.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/candidates.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

constexpr std::int64_t kGreedy = -1;
constexpr std::int64_t kHeldCandidates = 1 << 26;  // of 12 bytes each, of all answers of a step

/// One answer in the making: its place in the request's list, and its own stream of draws.
struct Draw {
  std::int64_t sample = kGreedy;
  CounterRandom random{0};
};

/// Answers of one request that share all tokens so far, and one row of the cache.
struct State {
  std::size_t request = 0;
  std::int64_t row = 0;
  std::int64_t position = 0;  // of the next new token
  std::vector<Draw> draws;
  Decoded answer;
};

class Decoding {
 public:
  Decoding(const Model& model, const std::vector<DecodeRequest>& requests,
           const DecodeSettings& settings,
           const std::function<bool(std::size_t, std::string_view)>& alive,
           const std::function<void(std::int64_t)>& step)
      : model_(model),
        requests_(requests),
        settings_(settings),
        alive_(alive),
        step_(step),
        answers_(requests.size()) {}

  std::vector<std::vector<Decoded>> run() {
    for (std::size_t begin = 0; begin < requests_.size();) {
      const std::size_t end = group_end(begin);
      encode(begin, end);
      while (choose()) advance();
      begin = end;
    }
    return std::move(answers_);
  }

 private:
  std::size_t group_end(std::size_t begin) const {
    std::int64_t rows = 0;
    std::size_t end = begin;
    for (; end < requests_.size(); ++end) {
      rows += requests_[end].samples + (requests_[end].greedy ? 1 : 0);
      if (end > begin && rows > settings_.batch_rows) break;
    }
    return end;
  }

  /// Encodes the prompts [begin, end): what they share once, the rest as one batch.
  void encode(std::size_t begin, std::size_t end) {
    std::vector<std::vector<TokenId>> prompts;
    for (std::size_t i = begin; i < end; ++i) prompts.push_back(requests_[i].prompt);
    require(!prompts.front().empty(), "decode: an empty prompt");
    const auto shared = static_cast<std::ptrdiff_t>(common_prefix(prompts));
    prefix_ = SharedPrefix::compute(model_.weights,
                                    {{prompts.front().begin(), prompts.front().begin() + shared}});
    for (auto& prompt : prompts) prompt.erase(prompt.begin(), prompt.begin() + shared);
    std::vector<std::int64_t> last;
    std::int64_t row = -1;
    for (const auto& prompt : prompts)
      last.push_back(row += static_cast<std::int64_t>(prompt.size()));
    const PackedTokens packed =
        PackedTokens::pack(prompts, {&prefix_.lengths.front(), 1}, model_.device(), {last});
    std::int64_t answers = 0;
    states_.clear();
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t b = i - begin;
      State state{.request = i,
                  .row = static_cast<std::int64_t>(b),
                  .position = static_cast<std::int64_t>(requests_[i].prompt.size()),
                  .draws = {},
                  .answer = {}};
      if (requests_[i].greedy) state.draws.push_back({});
      for (std::int64_t s = 0; s < requests_[i].samples; ++s) {
        state.draws.push_back(
            {s, CounterRandom(hash_words({requests_[i].key, static_cast<std::uint64_t>(s)}))});
      }
      answers_[i].resize(state.draws.size());
      answers += std::max<std::int64_t>(1, static_cast<std::int64_t>(state.draws.size()));
      states_.push_back(std::move(state));
    }
    past_ = KeyValueCache(answers, packed.longest + settings_.max_new_tokens);
    hidden_ = hidden_states(model_.weights, packed,
                            {.context = {.prefix = &prefix_},
                             .rows_R = packed.lists[0],
                             .keep = &past_});
    step_(packed.tokens());
  }

  /// Draws the next token of every answer; false when all have ended.
  bool choose() {
    if (states_.empty()) return false;
    // one candidate is no distribution; with top_k = 1 branch() takes the first of two
    const std::int64_t top_k = settings_.top_k > 0 ? std::max<std::int64_t>(settings_.top_k, 2)
                                                   : model_.weights.config.vocabulary;
    const auto count = static_cast<std::int64_t>(states_.size());
    const std::int64_t rows = std::max<std::int64_t>(1, kHeldCandidates / top_k);
    std::vector<State> next;
    for (std::int64_t first = 0; first < count; first += rows) {
      const std::int64_t some = std::min(rows, count - first);
      const Candidates candidates = find_candidates(
          model_.weights, hidden_.narrow(0, first, some), top_k, settings_.temperature);
      for (std::int64_t row = 0; row < some; ++row)
        branch(states_[static_cast<std::size_t>(first + row)], candidates, row, next);
    }
    states_ = std::move(next);
    return !states_.empty();
  }

  void branch(const State& state, const Candidates& candidates, std::int64_t row,
              std::vector<State>& next) {
    std::map<TokenId, std::vector<Draw>> children;
    const auto ids = candidates.row_ids(row);
    auto shares = candidates.row_probabilities(row);
    double total = 1;
    if (settings_.top_p < 1) {
      shares = shares.first(nucleus(shares, settings_.top_p));
      total = std::accumulate(shares.begin(), shares.end(), 0.0);
    }
    for (Draw draw : state.draws) {
      const TokenId token = draw.sample == kGreedy || settings_.top_k == 1
                                ? ids.front()
                                : ids[pick(shares, total, draw.random)];
      children[token].push_back(draw);
    }
    for (auto& [token, draws] : children) {
      State child{state.request, state.row, state.position + 1, std::move(draws), state.answer};
      if (model_.is_eos(token)) {
        finish(child);
        continue;
      }
      child.answer.ids.push_back(token);
      child.answer.text += model_.tokenizer->piece(token);
      const ModelConfig& config = model_.weights.config;
      const bool ended =
          (config.position == PositionKind::learned && child.position > config.positions) ||
          (settings_.stop_at_newline && model_.ends_answer(token)) ||
          static_cast<std::int64_t>(child.answer.ids.size()) >= settings_.max_new_tokens ||
          (alive_ && !alive_(state.request, child.answer.text));
      if (ended) {
        finish(child);
      } else {
        next.push_back(std::move(child));
      }
    }
  }

  /// Inverse of the cumulative distribution of `shares`, which sum to `total`: the same uniform
  /// number always picks the same place.
  static std::size_t pick(std::span<const float> shares, double total, CounterRandom& random) {
    double rest = random.uniform() * total;
    for (std::size_t j = 0; j < shares.size(); ++j) {
      rest -= shares[j];
      if (rest < 0) return j;
    }
    return shares.size() - 1;
  }

  void finish(const State& state) {
    const std::int64_t first = requests_[state.request].greedy ? 1 : 0;
    for (const Draw& draw : state.draws)
      answers_[state.request][static_cast<std::size_t>(draw.sample + first)] = state.answer;
  }

  /// Feeds the token that each state drew last.
  void advance() {
    std::vector<std::vector<TokenId>> sequences;
    std::vector<std::int64_t> positions, rows;
    for (const State& state : states_) {
      sequences.push_back({state.answer.ids.back()});
      positions.push_back(state.position - 1);
      rows.push_back(state.row);
    }
    rows = past_.part_rows(rows);
    for (std::size_t b = 0; b < rows.size(); ++b) states_[b].row = rows[b];
    const PackedTokens packed = PackedTokens::pack(sequences, positions, model_.device(), {rows});
    const Context context{.prefix = &prefix_, .past = &past_, .past_rows_B = packed.lists[0]};
    hidden_ = hidden_states(model_.weights, packed, {.context = context, .keep = &past_});
    step_(packed.tokens());
  }

  const Model& model_;
  const std::vector<DecodeRequest>& requests_;
  const DecodeSettings settings_;
  const std::function<bool(std::size_t, std::string_view)>& alive_;
  const std::function<void(std::int64_t)>& step_;
  std::vector<std::vector<Decoded>> answers_;
  std::vector<State> states_;
  SharedPrefix prefix_;
  KeyValueCache past_;
  torch::Tensor hidden_;
};

}  // namespace

std::vector<std::vector<Decoded>> decode(
    const Model& model, const std::vector<DecodeRequest>& requests, const DecodeSettings& settings,
    const std::function<bool(std::size_t, std::string_view)>& alive,
    const std::function<void(std::int64_t)>& step) {
  if (requests.empty()) return {};
  torch::NoGradGuard no_grad;
  return Decoding(model, requests, settings, alive, step).run();
}

}  // namespace factsweep
