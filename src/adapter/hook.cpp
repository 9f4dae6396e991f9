// The adapters of a model at work: one product with all A of a slot, then each module's B on its
// own rows of the output.
#include <torch/torch.h>

#include <algorithm>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/model/transformer.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

constexpr std::size_t kSlots = 4;

class LoraHook : public LinearHook {
 public:
  LoraHook(std::int64_t layers, std::span<const LoraAdapter> adapters, bool training)
      : slots_(static_cast<std::size_t>(layers) * kSlots), training_(training) {
    torch::NoGradGuard no_grad;
    for (const LoraAdapter& adapter : adapters) {
      for (const LoraSlot& slot : adapter.slots()) add(slots_[index(slot.layer, slot.slot)], slot);
    }
  }

  Tensor apply(std::int64_t layer, Slot slot, const Tensor& x, const Tensor& y) const override {
    const LoraSlot& adapted = slots_[index(layer, slot)];
    if (adapted.parts.empty()) return y;
    return torch::GradMode::is_enabled() ? differentiable(adapted, x, y) : in_place(adapted, x, y);
  }

 private:
  static std::size_t index(std::int64_t layer, Slot slot) {
    return static_cast<std::size_t>(layer) * kSlots + static_cast<std::size_t>(slot);
  }

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
    std::stable_sort(sum.parts.begin(), sum.parts.end(),
                     [](const LoraPart& a, const LoraPart& b) { return a.first < b.first; });
  }

  /// The output's own rows take the products: no copy of y.
  static Tensor in_place(const LoraSlot& slot, const Tensor& x, const Tensor& y) {
    const Tensor h_NR = at::linear(x, slot.A);
    for (const LoraPart& part : slot.parts) {
      y.narrow(1, part.first, part.rows)
          .addmm_(h_NR.narrow(1, part.rank_first, part.rank), part.B.t(), 1, part.scale);
    }
    return y;
  }

  bool drops(const LoraPart& part) const { return training_ && part.dropout > 0; }

  /// What the B of `part` multiplies. Dropout is drawn anew for each module, as PEFT's modules do,
  /// so then there is no common product.
  Tensor input_of(const LoraSlot& slot, const LoraPart& part, const Tensor& x,
                  const Tensor& h_NR) const {
    if (!drops(part)) return h_NR.narrow(1, part.rank_first, part.rank);
    return at::linear(torch::dropout(x, part.dropout, /*train=*/true),
                      slot.A.narrow(0, part.rank_first, part.rank));
  }

  /// y is cut at the modules' borders once: a gradient for each cut of its own would be as large as
  /// y.
  Tensor differentiable(const LoraSlot& slot, const Tensor& x, const Tensor& y) const {
    const bool shared = std::any_of(slot.parts.begin(), slot.parts.end(),
                                    [&](const LoraPart& part) { return !drops(part); });
    const Tensor h_NR = shared ? at::linear(x, slot.A) : Tensor();
    std::vector<std::int64_t> sizes;
    std::int64_t end = 0;
    for (const LoraPart& part : slot.parts) {
      if (part.first < end) continue;  // rows of the part before, by another adapter
      if (part.first > end) sizes.push_back(part.first - end);
      sizes.push_back(part.rows);
      end = part.first + part.rows;
    }
    if (end < y.size(1)) sizes.push_back(y.size(1) - end);
    std::vector<Tensor> pieces = y.split_with_sizes(sizes, 1);
    std::int64_t first = 0;
    auto part = slot.parts.begin();
    for (std::size_t i = 0; i < pieces.size(); first += sizes[i++]) {
      for (; part != slot.parts.end() && part->first == first; ++part) {
        pieces[i] =
            at::addmm(pieces[i], input_of(slot, *part, x, h_NR), part->B.t(), 1, part->scale);
      }
    }
    return pieces.size() == 1 ? pieces.front() : torch::cat(pieces, 1);
  }

  std::vector<LoraSlot> slots_;
  const bool training_;
};

/// The adapter's biases in place of the base's; a tensor of several modules is put together anew.
void replace_biases(Weights& weights, const LoraAdapter& adapter) {
  for (const BiasTensor& bias : bias_tensors(weights)) {
    bool changed = false;
    std::vector<Tensor> pieces;
    for (const SlotModule& module : bias.modules) {
      const Tensor own = adapter.bias_of(module.name);
      changed = changed || own.defined();
      pieces.push_back(own.defined() ? own : bias.tensor.narrow(0, module.first, module.rows));
    }
    if (changed) bias.tensor = pieces.size() == 1 ? pieces.front() : torch::cat(pieces);
  }
}

}  // namespace

Weights with_adapters(const Weights& base, std::span<const LoraAdapter> adapters, bool training) {
  require(base.adapter == nullptr, "with_adapters: the model has adapters already");
  Weights adapted = base;
  int with_biases = 0;
  for (const LoraAdapter& adapter : adapters) {
    require(adapter.dtype() == base.embedding.scalar_type(),
            "with_adapters: adapter and base have the same dtype");
    if (adapter.config().bias == LoraBias::none) continue;
    if (++with_biases > 1) {
      throw InputError(
          "two adapters carry biases (bias = all or lora_only), which take the place of the base "
          "model's and cannot be added. Use one of them.");
    }
    replace_biases(adapted, adapter);
  }
  adapted.adapter = std::make_shared<LoraHook>(base.config.layers, adapters, training);
  return adapted;
}

}  // namespace factsweep
