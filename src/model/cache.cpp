#include "factsweep/model/cache.hpp"

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/model/staging.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/model/transformer.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

constexpr std::int64_t kNewTokens = 64;  // that memory is taken for at first

}  // namespace

LayerCache KeyValueCache::layer(std::size_t i) const {
  const LayerCache& whole = layers_[i];
  if (whole.keys.size(2) == length_) return whole;
  return {whole.keys.narrow(2, 0, length_), whole.values.narrow(2, 0, length_)};
}

Tensor KeyValueCache::valid(const Tensor& rows_B) const {
  const Tensor all = valid_.narrow(2, 0, length_).flatten(1);
  return rows_B.defined() ? all.index_select(0, rows_B) : all;
}

std::vector<std::int64_t> KeyValueCache::part_rows(const std::vector<std::int64_t>& parents) {
  std::vector<bool> taken(static_cast<std::size_t>(rows_));
  std::vector<std::int64_t> own, from, to;
  std::vector<std::size_t> without;
  for (std::size_t b = 0; b < parents.size(); ++b) {
    const auto parent = static_cast<std::size_t>(parents[b]);
    if (taken[parent]) without.push_back(b);
    taken[parent] = true;
    own.push_back(parents[b]);
  }
  std::size_t free = 0;
  for (const std::size_t b : without) {
    while (free < taken.size() && taken[free]) ++free;
    require(free < taken.size(), "KeyValueCache: more sequences than rows");
    from.push_back(parents[b]);
    to.push_back(own[b] = static_cast<std::int64_t>(free++));
  }
  if (to.empty()) return own;
  const std::vector<std::span<const std::int64_t>> lists = {from, to};
  const std::vector<Tensor> there = staged(lists, valid_.device());
  const Tensor from_S = there[0], to_S = there[1];
  const auto copy = [&](const Tensor& part) {
    const Tensor used = part.narrow(2, 0, length_);
    used.index_copy_(0, to_S, used.index_select(0, from_S));
  };
  for (const LayerCache& layer : layers_) {
    copy(layer.keys);
    copy(layer.values);
  }
  copy(valid_);
  return own;
}

void KeyValueCache::hide(const Tensor& rows) {
  valid_.index_fill_(0, rows, false);
}

void KeyValueCache::write(std::size_t layer, const Tensor& keys, const Tensor& values,
                          const Tensor& rows_B) {
  require(layer <= layers_.size(), "KeyValueCache: a layer was left out");
  if (layer == layers_.size()) layers_.emplace_back();
  put(layers_[layer].keys, keys, rows_B);
  put(layers_[layer].values, values, rows_B);
}

void KeyValueCache::advance(const PackedTokens& tokens, const Tensor& rows_B) {
  const Tensor fresh =
      torch::zeros({tokens.sequences * tokens.longest}, tokens.ids_N.options().dtype(torch::kBool))
          .index_fill_(0, tokens.slots_N, true)
          .view({tokens.sequences, 1, tokens.longest, 1});
  put(valid_, fresh, rows_B);
  length_ += tokens.longest;
}

void KeyValueCache::put(Tensor& part, const Tensor& fresh, const Tensor& rows_B) const {
  const std::int64_t end = length_ + fresh.size(2);
  if (rows_ == 0) {
    require(length_ == 0, "KeyValueCache: made for one pass");
    part = fresh.contiguous();
    return;
  }
  require(end <= capacity_, "KeyValueCache: more tokens than it was made for");
  if (!part.defined() || part.size(2) < end) {
    const std::int64_t room = part.defined() ? 2 * part.size(2) : end + kNewTokens;
    const Tensor wider = torch::empty(
        {rows_, fresh.size(1), std::min(capacity_, std::max(room, end)), fresh.size(3)},
        fresh.options());
    if (part.defined()) wider.narrow(2, 0, length_).copy_(part.narrow(2, 0, length_));
    part = wider;
  }
  const Tensor place = part.narrow(2, length_, fresh.size(2));
  if (rows_B.defined()) {
    place.index_copy_(0, rows_B, fresh);
  } else {
    place.narrow(0, 0, fresh.size(0)).copy_(fresh);
  }
}

SharedPrefix SharedPrefix::compute(const Weights& weights,
                                   const std::vector<std::vector<std::int32_t>>& texts) {
  SharedPrefix prefix;
  std::vector<std::vector<std::int32_t>> sequences = texts;
  for (auto& text : sequences) {
    prefix.lengths.push_back(static_cast<std::int64_t>(text.size()));
    if (text.empty()) text = {0};  // a row that nothing attends to
  }
  if (std::all_of(texts.begin(), texts.end(), [](const auto& text) { return text.empty(); }))
    return prefix;
  torch::NoGradGuard no_grad;
  const std::int64_t start = 0;
  const PackedTokens packed =
      PackedTokens::pack(sequences, {&start, 1}, weights.embedding.device(), {prefix.lengths});
  prefix.lengths_S = packed.lists[0];
  // one row is enough: only keys and values are wanted
  const Tensor last = torch::zeros({1}, packed.ids_N.options());
  hidden_states(weights, packed, {.rows_R = last, .keep = &prefix.cache});
  return prefix;
}

}  // namespace factsweep
