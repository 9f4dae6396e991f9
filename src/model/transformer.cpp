#include "factsweep/model/transformer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "experts.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/model/staging.hpp"
#include "factsweep/model/torch.hpp"
#include "family.hpp"
#include "kernels.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

/// In the matrix's own dtype, which an editor may keep wider than that of the rest.
Tensor product(const Linear& linear, const Tensor& x) {
  const torch::Dtype own = linear.weight.scalar_type();
  if (own == x.scalar_type()) return torch::linear(x, linear.weight, linear.bias);
  const Tensor bias = linear.bias.defined() ? linear.bias.to(own) : linear.bias;
  return torch::linear(x.to(own), linear.weight, bias).to(x.scalar_type());
}

/// One pass of packed tokens through the layers.
class Pass {
 public:
  Pass(const Weights& weights, const PackedTokens& tokens, const ForwardOptions& options)
      : w_(weights),
        c_(weights.config),
        tokens_(tokens),
        options_(options),
        kernels_(choose_kernels(weights)),
        attention_(weights, tokens, options),
        query_scale_N1_(query_scale()) {
    require(family_of(c_).layer == dense_layer, "hidden_states: layers of another kind");
  }

  Tensor run() {
    // a copy: without gradients the layers add to x_ in place
    x_ = options_.entering_ND.defined() ? options_.entering_ND.clone() : embed();
    const bool to_the_end = options_.end_layer < 0;
    const std::int64_t end = to_the_end ? c_.layers : options_.end_layer;
    for (std::int64_t i = options_.first_layer; i < end; ++i) layer(i);
    attention_.finish();
    if (to_the_end) {
      const Tensor last = add_norm(w_.norm);
      // here instead of on logits: the head is linear and has no bias where this is not 1
      return c_.logit_scale == 1 ? last : last * c_.logit_scale;
    }
    return pending_.defined() ? x_ + pending_ : x_;
  }

 private:
  Tensor embed() const {
    Tensor x = torch::embedding(w_.embedding, tokens_.ids_N);
    // rounded to the weights' dtype first, as transformers does
    if (c_.embedding_scale != 1) x = x * at::scalar_tensor(c_.embedding_scale, x.options());
    if (c_.position == PositionKind::learned) {
      for (std::int64_t b = 0; b < tokens_.sequences; ++b) {
        if (tokens_.end(b) > c_.positions) {
          throw InputError(
              fmt::format("a text of {} tokens is longer than the {} positions that the model has.",
                          tokens_.end(b), c_.positions));
        }
      }
      x = x + torch::embedding(w_.positions, tokens_.positions_N + c_.position_offset);
    }
    if (c_.embedding_norm) x = kernels_->normalize(w_.norm_embedding, x);
    return drop(x, 0);
  }

  /// A linear of layer `i`, and what the model's adapter and then the hook make of it.
  Tensor apply(std::int64_t i, LinearId id, const Tensor& x) const {
    const Linear& linear = w_.layers[i].linears[id];
    Tensor y = product(linear, x);
    if (w_.adapter != nullptr) y = w_.adapter->apply(i, id, x, y);
    return options_.hook == nullptr ? y : options_.hook->apply(i, id, x, y);
  }

  /// Adds what the block before left pending to x, and gives the norm of the sum.
  Tensor add_norm(const Norm& norm) {
    const Tensor added = std::exchange(pending_, Tensor());
    return added.defined() ? kernels_->add_norm(x_, added, norm) : kernels_->normalize(norm, x_);
  }

  /// What a branch reads of the sum of x and what is pending.
  Tensor entering(const Norm& norm) {
    if (c_.pre_norms) return add_norm(norm);
    const Tensor added = std::exchange(pending_, Tensor());
    // x_ is what a branch reads, so nothing is added in place
    if (added.defined()) x_ = x_ + added;
    return x_;
  }

  /// Queries, keys and values of layer `i`.
  Tensor projected(std::int64_t i, const Tensor& y) const {
    Tensor qkv = apply(i, dense::qkv, y);
    // where heads have norms, clipping comes after these: Kernels::attend()
    if (c_.qkv_clip > 0 && c_.head_norms == HeadNorms::none)
      qkv = qkv.clamp(-c_.qkv_clip, c_.qkv_clip);
    if (!query_scale_N1_.defined()) return qkv;
    const std::int64_t queries = c_.heads * c_.head_size;
    return torch::cat({qkv.narrow(1, 0, queries) * query_scale_N1_,
                       qkv.narrow(1, queries, qkv.size(1) - queries)},
                      1);
  }

  /// Of ModelConfig::query_growth; undefined where all queries keep their size.
  Tensor query_scale() const {
    bool grows = false;
    for (std::int64_t b = 0; b < tokens_.sequences; ++b)
      grows = grows || c_.grows_queries(tokens_.end(b));
    if (!grows) return {};
    const Tensor blocks =
        (tokens_.positions_N.to(torch::kFloat32) / c_.rope.original_positions).floor();
    return (1 + c_.query_growth * torch::log1p(blocks)).unsqueeze(1).to(w_.embedding.scalar_type());
  }

  Tensor mlp(std::int64_t i, const LayerWeights& layer, const Tensor& y) const {
    const bool sparse = c_.has_experts(i);
    const Tensor mixed = sparse ? mix_experts(c_, layer, *kernels_, y) : Tensor();
    if (sparse && c_.shared_width == 0) return mixed;
    const Tensor hidden = kernels_->activate(apply(i, dense::up, y), layer);
    const Tensor own = apply(i, dense::down, hidden);
    return sparse ? mixed + apply(i, dense::shared_gate, y).sigmoid() * own : own;
  }

  void layer(std::int64_t i) {
    const LayerWeights& layer = w_.layers[i];
    Tensor y = entering(layer.norm_attention);
    Tensor mixed = kernels_->attend(attention_, i, layer, projected(i, y));
    // after the last attention only the wanted rows go on
    if (i + 1 == c_.layers && options_.rows_R.defined()) {
      mixed = mixed.index_select(0, options_.rows_R);
      x_ = x_.index_select(0, options_.rows_R);
      if (c_.residual == Residual::parallel_shared) y = y.index_select(0, options_.rows_R);
    }
    const Tensor attended =
        branch(apply(i, dense::output, mixed), layer.norm_after_attention, 2 * i + 1);
    if (c_.residual == Residual::sequential) {
      pending_ = attended;
      y = entering(layer.norm_mlp);
    } else if (c_.residual == Residual::parallel) {
      y = kernels_->normalize(layer.norm_mlp, x_);
    }
    pending_ = branch(mlp(i, layer, y), layer.norm_after_mlp, 2 * i + 2);
    if (c_.residual != Residual::sequential) pending_ = attended + pending_;
  }

  Tensor drop(const Tensor& x, std::int64_t place) const {
    return options_.drop ? options_.drop(x, place) : x;
  }

  /// What a residual branch adds.
  Tensor branch(const Tensor& y, const Norm& after, std::int64_t place) const {
    Tensor term = c_.branch_norms ? kernels_->normalize(after, y) : y;
    if (c_.residual_scale != 1) term = term * c_.residual_scale;
    return drop(term, place);
  }

  const Weights& w_;
  const ModelConfig& c_;
  const PackedTokens& tokens_;
  const ForwardOptions& options_;
  const std::unique_ptr<const Kernels> kernels_;
  AttentionInput attention_;
  const Tensor query_scale_N1_;
  Tensor x_;        // [N, D]
  Tensor pending_;  // what the block before adds to x_, where that is still to be done
};

}  // namespace

PackedTokens PackedTokens::pack(std::span<const std::vector<std::int32_t>> sequences,
                                std::span<const std::int64_t> first, torch::Device device,
                                const std::vector<std::span<const std::int64_t>>& lists) {
  require(!sequences.empty() && !first.empty(), "PackedTokens::pack: no sequences");
  PackedTokens packed;
  packed.sequences = static_cast<std::int64_t>(sequences.size());
  packed.starts = {0};
  for (const auto& sequence : sequences) {
    require(!sequence.empty(), "PackedTokens::pack: an empty sequence");
    packed.longest = std::max(packed.longest, static_cast<std::int64_t>(sequence.size()));
    packed.starts.push_back(packed.starts.back() + static_cast<std::int64_t>(sequence.size()));
  }
  const auto tokens = static_cast<std::size_t>(packed.tokens());
  std::vector<std::int64_t> ids, positions, slots;
  for (std::vector<std::int64_t>* list : {&ids, &positions, &slots}) list->reserve(tokens);
  for (std::size_t b = 0; b < sequences.size(); ++b) {
    const std::int64_t offset = first.size() == 1 ? first[0] : first[b];
    packed.first.push_back(offset);
    for (std::size_t t = 0; t < sequences[b].size(); ++t) {
      ids.push_back(sequences[b][t]);
      positions.push_back(offset + static_cast<std::int64_t>(t));
      slots.push_back(static_cast<std::int64_t>(b) * packed.longest + static_cast<std::int64_t>(t));
    }
  }
  std::vector<std::span<const std::int64_t>> all = {ids, positions, slots, packed.first};
  all.insert(all.end(), lists.begin(), lists.end());
  const std::vector<Tensor> there = staged(all, device);
  packed.ids_N = there[0];
  packed.positions_N = there[1];
  packed.slots_N = there[2];
  packed.first_B = there[3];
  packed.lists.assign(there.begin() + 4, there.end());
  return packed;
}

Tensor hidden_states(const Weights& weights, const PackedTokens& tokens,
                     const ForwardOptions& options) {
  return Pass(weights, tokens, options).run();
}

Tensor logits(const Weights& weights, const Tensor& hidden_RD) {
  const Tensor scores = torch::linear(hidden_RD, weights.head, weights.head_bias);
  const double cap = weights.config.logit_softcap;
  return cap > 0 ? soft_cap(scores, cap).to(scores.scalar_type()) : scores;
}

Tensor cross_entropy(const Weights& weights, const Tensor& hidden_RD, const Tensor& targets_R) {
  return choose_kernels(weights)->cross_entropy(weights, hidden_RD, targets_R);
}

}  // namespace factsweep
