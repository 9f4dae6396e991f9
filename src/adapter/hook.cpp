// The adapters of a model at work: one product with all A of a linear, then each module's B on its
// own rows of the output.

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/adapter/low_rank.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/model/transformer.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

using Place = std::pair<std::int64_t, LinearId>;  // layer and linear

/// What the parts of `slot` add to y's rows from `row` on, of `rows`, given the same rows x of the
/// input. Each module has a mask of its own, as PEFT's modules do, so with dropout there is no
/// common product. `masks`: null when nothing is trained.
void append_terms(const LoraSlot& slot, const Tensor& x, std::int64_t row, std::int64_t rows,
                  const DropoutMasks* masks, std::vector<LowRankTerm>& terms) {
  const auto drops = [&](const LoraPart& part) { return masks != nullptr && part.dropout > 0; };
  const bool shared = !std::all_of(slot.parts.begin(), slot.parts.end(), drops);
  const Tensor h_NR = shared ? at::linear(x, slot.A) : Tensor();
  for (const LoraPart& part : slot.parts) {
    const Tensor h =
        drops(part)
            ? at::linear(masks->drop(x, part.dropout, hash_text(part.module), row, rows),
                         slot.A.narrow(0, part.rank_first, part.rank))
            : h_NR.narrow(1, part.rank_first, part.rank);
    terms.push_back({h, part.B, row, part.first, part.scale});
  }
}

/// Adapters that all rows share: their sum.
class LoraHook : public LinearHook {
 public:
  LoraHook(std::span<const LoraAdapter> adapters, std::shared_ptr<const DropoutMasks> masks)
      : masks_(std::move(masks)) {
    torch::NoGradGuard no_grad;
    for (const LoraAdapter& adapter : adapters) {
      for (const LoraSlot& slot : adapter.slots()) add(slots_[{slot.layer, slot.linear}], slot);
    }
  }

  Tensor apply(std::int64_t layer, LinearId linear, const Tensor& x,
               const Tensor& y) const override {
    const auto adapted = slots_.find({layer, linear});
    if (adapted == slots_.end()) return y;
    std::vector<LowRankTerm> terms;
    append_terms(adapted->second, x, 0, x.size(0), masks_.get(), terms);
    return add_low_rank(y, terms);
  }

 private:
  static void add(LoraSlot& sum, const LoraSlot& slot) {
    if (sum.parts.empty()) {
      sum = slot;
      return;
    }
    for (LoraPart part : slot.parts) {
      part.rank_first += sum.A.size(0);
      sum.parts.push_back(std::move(part));
    }
    sum.A = torch::cat({sum.A, slot.A});
  }

  std::map<Place, LoraSlot> slots_;
  const std::shared_ptr<const DropoutMasks> masks_;
};

/// Adapters that each have rows of their own: products as large as the adapter's rows, none of them
/// padded.
class RowHook : public LinearHook {
 public:
  RowHook(const std::vector<RowShare>& shares, std::shared_ptr<const DropoutMasks> masks)
      : shares_(shares), masks_(std::move(masks)) {
    for (std::size_t i = 0; i < shares_.size(); ++i) {
      for (const LoraSlot& slot : shares_[i].adapter.slots())
        users_[{slot.layer, slot.linear}].emplace_back(i, slot);
    }
  }

  Tensor apply(std::int64_t layer, LinearId linear, const Tensor& x,
               const Tensor& y) const override {
    const auto users = users_.find({layer, linear});
    if (users == users_.end()) return y;
    const std::vector<std::int64_t> sizes = row_counts(shares_, x.size(0));
    const std::vector<Tensor> rows = x.split_with_sizes(sizes, 0);
    std::vector<std::int64_t> first(sizes.size());
    std::exclusive_scan(sizes.begin(), sizes.end(), first.begin(), std::int64_t{0});
    std::vector<LowRankTerm> terms;
    for (const auto& [i, adapted] : users->second)
      append_terms(adapted, rows[i], first[i], x.size(0), masks_.get(), terms);
    return add_low_rank(y, terms);
  }

 private:
  std::map<Place, std::vector<std::pair<std::size_t, LoraSlot>>> users_;
  const std::vector<RowShare> shares_;
  const std::shared_ptr<const DropoutMasks> masks_;
};

/// The adapter's biases in place of the base's; a tensor of several modules is put together anew.
void replace_biases(Weights& weights, const LoraAdapter& adapter) {
  for (const BiasTensor& bias : bias_tensors(weights)) {
    bool changed = false;
    std::vector<Tensor> pieces;
    for (const ModuleRows& module : bias.modules) {
      const Tensor own = adapter.bias_of(module.name);
      changed = changed || own.defined();
      pieces.push_back(own.defined() ? own : bias.tensor.narrow(0, module.first, module.rows));
    }
    if (changed) bias.tensor = pieces.size() == 1 ? pieces.front() : torch::cat(pieces);
  }
}

}  // namespace

std::vector<std::int64_t> row_counts(const std::vector<RowShare>& shares, std::int64_t rows) {
  std::vector<std::int64_t> tokens, wanted;
  for (const RowShare& share : shares) {
    tokens.push_back(share.tokens);
    wanted.push_back(share.wanted);
  }
  const bool all = std::accumulate(tokens.begin(), tokens.end(), std::int64_t{0}) == rows;
  require(all || std::accumulate(wanted.begin(), wanted.end(), std::int64_t{0}) == rows,
          "row_counts: neither the shares' tokens nor their wanted rows");
  return all ? tokens : wanted;
}

Weights with_row_adapters(const Weights& base, const std::vector<RowShare>& shares,
                          std::shared_ptr<const DropoutMasks> masks) {
  require(base.adapter == nullptr, "with_row_adapters: the model has adapters already");
  for (const RowShare& share : shares) {
    require(share.adapter.dtype() == base.embedding.scalar_type() &&
                share.adapter.config().bias == LoraBias::none && !share.adapter.saved().names.any(),
            "with_row_adapters: adapters in the base's dtype, and none with biases or saved modules");
  }
  Weights adapted = base;
  adapted.adapter = std::make_shared<RowHook>(shares, std::move(masks));
  return adapted;
}

Weights with_adapters(const Weights& base, std::span<const LoraAdapter> adapters,
                      std::shared_ptr<const DropoutMasks> masks) {
  require(base.adapter == nullptr, "with_adapters: the model has adapters already");
  Weights adapted = base;
  int with_biases = 0, with_saved = 0;
  for (const LoraAdapter& adapter : adapters) {
    require(adapter.dtype() == base.embedding.scalar_type(),
            "with_adapters: adapter and base have the same dtype");
    if (adapter.saved().names.any() && ++with_saved > 1) {
      throw InputError(
          "two adapters save whole modules (modules_to_save), which take the place of the base model's "
          "and cannot be added. Use one of them.");
    }
    adapter.saved().replace(adapted);
    if (adapter.config().bias == LoraBias::none) continue;
    if (++with_biases > 1) {
      throw InputError(
          "two adapters carry biases (bias = all or lora_only), which take the place of the base "
          "model's and cannot be added. Use one of them.");
    }
    replace_biases(adapted, adapter);
  }
  adapted.adapter = std::make_shared<LoraHook>(adapters, std::move(masks));
  return adapted;
}

}  // namespace factsweep
