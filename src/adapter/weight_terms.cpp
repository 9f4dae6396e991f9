#include "factsweep/adapter/weight_terms.hpp"

#include <fmt/format.h>

#include <charconv>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

/// `view` of a parameter, on another tensor of the parameter's shape.
torch::Tensor same_view(const torch::Tensor& view, const torch::Tensor& parameter,
                        const torch::Tensor& other) {
  return other.as_strided(view.sizes(), view.strides(),
                          view.storage_offset() - parameter.storage_offset());
}

void add_adapter(const LoraAdapter& adapter, double factor, const LayerRange& range,
                 const Weights& weights, const torch::Tensor& parameter, const torch::Tensor& sum) {
  for (const LoraSlot& slot : adapter.slots()) {
    const torch::Tensor& matrix =
        weights.layers[static_cast<std::size_t>(slot.layer)].linears[slot.linear].weight;
    if (!range.holds(slot.layer) || !matrix.is_same(parameter)) continue;
    for (const LoraPart& part : slot.parts) {
      const torch::Tensor product =
          torch::mm(part.B.to(torch::kFloat32),
                    slot.A.narrow(0, part.rank_first, part.rank).to(torch::kFloat32));
      sum.narrow(0, part.first, part.rows).add_(product, factor * part.scale);
    }
  }
}

/// The layer that a tensor of this name belongs to; -1: none (embeddings, last norm, head).
std::int64_t layer_of(const ModelConfig& config, const std::string& tensor) {
  const std::string module = module_name(config, tensor);
  for (std::size_t dot = module.find('.'); dot != std::string::npos;
       dot = module.find('.', dot + 1)) {
    const std::size_t begin = dot + 1, end = module.find('.', begin);
    const std::string part = module.substr(begin, end - begin);
    if (end != std::string::npos && !part.empty() &&
        part.find_first_not_of("0123456789") == std::string::npos)
      return std::stoll(part);
  }
  return -1;
}

}  // namespace

LayerRange LayerRange::parse(const std::string& text, std::int64_t layers,
                             const std::string& where) {
  LayerRange range;
  if (text == "all") return range;
  range.all = false;
  const std::size_t dash = text.find('-');
  const std::string first = text.substr(0, dash),
                    last = dash == std::string::npos ? first : text.substr(dash + 1);
  const auto read = [&](const std::string& part, std::int64_t& value) {
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    return error == std::errc() && end == part.data() + part.size();
  };
  if (!read(first, range.first) || !read(last, range.last) || range.first > range.last ||
      range.last >= layers)
    throw InputError(
        fmt::format("{} '{}' is no range of the model's layers 0-{}. Write 0-9, 4 or all.", where,
                    text, layers - 1));
  return range;
}

void add_terms(Weights& weights, std::span<const WeightTerm> terms) {
  torch::NoGradGuard no_grad;
  const NamedTensors named = weights.named();
  for (const torch::Tensor& parameter : weights.parameters()) {
    const torch::Tensor sum = parameter.to(torch::kFloat32);  // itself when it is float32
    for (const WeightTerm& term : terms) {
      if (term.adapter) {
        add_adapter(*term.adapter, term.factor, term.range, weights, parameter, sum);
        continue;
      }
      for (const auto& [name, view] : named) {
        if (!view.is_alias_of(parameter) ||
            !(term.range.all || term.range.holds(layer_of(weights.config, name))))
          continue;
        const torch::Tensor part = term.delta(name, view.sizes()).to(sum.device());
        same_view(view, parameter, sum).add_(part, term.factor);
      }
    }
    if (!sum.is_same(parameter)) parameter.copy_(sum);
  }
}

Weights sum_of(Weights base, std::span<const WeightTerm> terms, torch::Dtype dtype) {
  if (dtype != base.embedding.scalar_type()) base = base.clone(dtype);
  add_terms(base, terms);
  return base;
}

}  // namespace factsweep
