#include "unigram.hpp"

#include <algorithm>
#include <limits>

#include "characters.hpp"

namespace factsweep::text {
namespace {

constexpr double kUnknownPenalty = 10.0;  // below the worst score of the vocabulary

}  // namespace

std::unique_ptr<Model> make_unigram(const Component& description) {
  const std::vector<Component> entries = description.list("vocab");
  if (entries.size() > Vocabulary::kMaxId) description.fail("'vocab' is too long.");
  Vocabulary vocabulary;
  std::vector<double> scores;
  vocabulary.reserve(entries.size());
  for (const Component& entry : entries) {
    const nlohmann::json& pair = entry.value();
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_number()) {
      entry.fail("a pair of token and score is needed here.");
    }
    vocabulary.set(pair[0].get<std::string>(), static_cast<TokenId>(scores.size()));
    scores.push_back(pair[1].get<double>());
  }
  UnigramOptions options{.byte_fallback = description.flag("byte_fallback", false)};
  if (description.has("unk_id")) {
    options.unk = description.at("unk_id").token_id();
    if (*options.unk >= vocabulary.size()) {
      description.at("unk_id").fail("the id of the unknown token lies outside the vocabulary.");
    }
  }
  return std::make_unique<Unigram>(std::move(vocabulary), std::move(scores), options);
}

Unigram::Unigram(Vocabulary vocabulary, std::vector<double> scores, UnigramOptions options)
    : Model(std::move(vocabulary)),
      scores_(std::move(scores)),
      options_(options),
      unknown_score_(std::numeric_limits<double>::infinity()),
      token_at_{-1} {
  for (const double score : scores_) unknown_score_ = std::min(unknown_score_, score);
  unknown_score_ -= kUnknownPenalty;
  for (TokenId id = 0; id < vocabulary_.size(); ++id) {
    const std::string& token = vocabulary_.text(id);
    if (token.empty()) continue;
    std::uint32_t node = 0;
    for (const char c : token) {
      const std::uint64_t key = pack(node, static_cast<unsigned char>(c));
      const std::uint32_t* child = children_.find(key);
      node = child != nullptr ? *child : static_cast<std::uint32_t>(token_at_.size());
      if (child != nullptr) continue;
      children_.set(key, node);
      token_at_.push_back(-1);
    }
    token_at_[node] = id;  // of equal tokens the last one counts
  }
  if (options_.byte_fallback) byte_tokens_ = byte_tokens(vocabulary_);
}

TokenId Unigram::unknown() const {
  if (options_.unk) return *options_.unk;
  throw InputError(
      "the text has a character that the vocabulary lacks, and the tokenizer names no unk_id.");
}

struct Unigram::Step {
  double score = 0;
  std::size_t from = 0;
  TokenId id = -1;  // -1: nothing leads here yet
};

std::vector<Unigram::Step> Unigram::best_path(std::string_view word) const {
  std::vector<Step> steps(word.size() + 1);
  for (std::size_t begin = 0; begin < word.size();) {
    std::size_t next = begin;
    next_character(word, next);
    const double so_far = steps[begin].score;
    // the first of equal paths stays, and the shorter pieces come first
    const auto offer = [&](std::size_t end, double score, TokenId id) {
      Step& step = steps[end];
      if (step.id < 0 || score > step.score) step = {score, begin, id};
    };
    bool has_single = false;
    std::uint32_t node = 0;
    for (std::size_t end = begin; end < word.size();) {
      const std::uint32_t* child =
          children_.find(pack(node, static_cast<unsigned char>(word[end])));
      if (child == nullptr) break;
      node = *child;
      ++end;
      const TokenId id = token_at_[node];
      if (id < 0) continue;
      offer(end, scores_[id] + so_far, id);
      has_single |= end == next;
    }
    if (!has_single) offer(next, unknown_score_ + so_far, unknown());
    begin = next;
  }
  return steps;
}

void Unigram::push(std::string_view piece, std::vector<TokenId>& ids) const {
  // by its text even where the path knows the id: unknown characters side by side may spell a token
  if (const auto id = vocabulary_.find(piece)) {
    ids.push_back(*id);
    return;
  }
  const auto token = [&](char c) { return byte_tokens_[static_cast<unsigned char>(c)]; };
  const bool has_bytes =
      !byte_tokens_.empty() &&
      std::all_of(piece.begin(), piece.end(), [&](char c) { return token(c) >= 0; });
  if (!has_bytes) {
    ids.push_back(unknown());
    return;
  }
  for (const char c : piece) ids.push_back(token(c));
}

void Unigram::encode(std::string_view word, std::vector<TokenId>& ids) const {
  if (const auto known = cache_.find(word)) {
    ids.insert(ids.end(), known->begin(), known->end());
    return;
  }
  const std::vector<Step> steps = best_path(word);
  std::vector<std::string_view> pieces;  // last first
  bool fusing = false;
  for (std::size_t end = word.size(); end > 0; end = steps[end].from) {
    const std::size_t from = steps[end].from;
    const bool is_unknown = options_.unk && steps[end].id == *options_.unk;
    if (is_unknown && fusing) {
      pieces.back() = word.substr(from, pieces.back().size() + end - from);
    } else {
      pieces.push_back(word.substr(from, end - from));
    }
    fusing = is_unknown;
  }
  std::vector<TokenId> found;
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) push(*piece, found);
  ids.insert(ids.end(), found.begin(), found.end());
  cache_.store(word, found);
}

}  // namespace factsweep::text
