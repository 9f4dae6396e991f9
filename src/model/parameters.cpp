#include "parameters.hpp"

#include <fmt/format.h>

#include "factsweep/core/error.hpp"
#include "family.hpp"

namespace factsweep {
namespace {

struct Rows {
  std::string name;
  std::int64_t count;
};

/// How a slot divides into modules: one fused module, or as many as `parts`.
std::vector<Rows> divide(const std::vector<std::string>& names,
                         const std::vector<std::int64_t>& parts) {
  std::vector<Rows> rows;
  if (names.size() == 1) {
    rows.push_back({names.front(), 0});
    for (const std::int64_t part : parts) rows.front().count += part;
    return rows;
  }
  require(names.size() == parts.size(), "a family names another number of modules than it has");
  for (std::size_t i = 0; i < parts.size(); ++i) rows.push_back({names[i], parts[i]});
  return rows;
}

std::vector<Rows> slot_rows(const ModelConfig& c, const CheckpointNames& names, Slot slot) {
  const std::int64_t q = c.heads * c.head_size, kv = c.kv_heads * c.head_size;
  switch (slot) {
    case Slot::qkv:
      return divide(names.qkv, {q, kv, kv});
    case Slot::output:
      return {{names.output, c.width}};
    case Slot::up:
      return divide(names.up,
                    c.gated ? std::vector{c.mlp_width, c.mlp_width} : std::vector{c.mlp_width});
    case Slot::down:
      return {{names.down, c.width}};
  }
  throw BugError("slot_rows: no such slot");
}

std::int64_t slot_inputs(const ModelConfig& c, Slot slot) {
  if (slot == Slot::output) return c.heads * c.head_size;
  return slot == Slot::down ? c.mlp_width : c.width;
}

class Walk {
 public:
  Walk(Weights& weights, const std::function<void(const Parameter&)>& visit)
      : w_(weights), c_(weights.config), names_(family_of(c_).names), visit_(visit) {}

  void run() {
    const std::string& root = c_.stored_root;
    whole(w_.embedding, {c_.vocabulary, c_.width}, Init::normal,
          root + names_.embedding + ".weight");
    if (c_.position == PositionKind::learned) {
      whole(w_.positions, {c_.position_offset + c_.positions, c_.width}, Init::normal,
            root + names_.positions + ".weight");
    }
    if (c_.embedding_norm) norm(w_.norm_embedding, root + names_.norm_embedding, c_.width);
    w_.layers.resize(static_cast<std::size_t>(c_.layers));
    for (std::size_t i = 0; i < w_.layers.size(); ++i)
      layer(w_.layers[i], fmt::format("{}{}{}.", root, names_.layers, i));
    norm(w_.norm, root + names_.norm, c_.width);
    if (!c_.tied_head)
      whole(w_.head, {c_.vocabulary, c_.width}, Init::normal, c_.stored_head + ".weight");
    if (c_.head_bias) whole(w_.head_bias, {c_.vocabulary}, Init::zero, c_.stored_head + ".bias");
  }

 private:
  void layer(LayerWeights& layer, const std::string& prefix) {
    norm(layer.norm_attention, prefix + names_.norm_attention, c_.width);
    linear(layer.qkv, prefix, Slot::qkv, c_.qkv_bias, Init::normal);
    if (c_.head_norms) {
      norm(layer.norm_query, prefix + names_.norm_query, c_.head_size);
      norm(layer.norm_key, prefix + names_.norm_key, c_.head_size);
    }
    linear(layer.output, prefix, Slot::output, c_.output_bias, Init::residual);
    if (c_.branch_norms)
      norm(layer.norm_attention_behind, prefix + names_.norm_attention_behind, c_.width);
    if (c_.residual != Residual::parallel_shared)
      norm(layer.norm_mlp, prefix + names_.norm_mlp, c_.width);
    linear(layer.up, prefix, Slot::up, c_.mlp_bias, Init::normal);
    linear(layer.down, prefix, Slot::down, c_.mlp_bias, Init::residual);
    if (c_.branch_norms) norm(layer.norm_mlp_behind, prefix + names_.norm_mlp_behind, c_.width);
  }

  void whole(torch::Tensor& tensor, const std::vector<std::int64_t>& shape, Init init,
             const std::string& name) {
    visit_({tensor, shape, init, {{name, 0, shape.front()}}});
  }

  void norm(Norm& norm, const std::string& name, std::int64_t size) {
    whole(norm.gain, {size}, c_.norm == NormKind::rms_plus_one ? Init::zero : Init::one,
          name + ".weight");
    if (c_.norm == NormKind::layer) whole(norm.bias, {size}, Init::zero, name + ".bias");
  }

  void linear(Linear& linear, const std::string& prefix, Slot slot, bool has_bias, Init init) {
    std::vector<Piece> weights, biases;
    std::int64_t outputs = 0;
    for (const auto& [name, rows] : slot_rows(c_, names_, slot)) {
      weights.push_back({prefix + name + ".weight", outputs, rows, names_.transposed});
      biases.push_back({prefix + name + ".bias", outputs, rows});
      outputs += rows;
    }
    visit_({linear.weight, {outputs, slot_inputs(c_, slot)}, init, weights});
    if (has_bias) visit_({linear.bias, {outputs}, Init::zero, biases});
  }

  Weights& w_;
  const ModelConfig& c_;
  const CheckpointNames& names_;
  const std::function<void(const Parameter&)>& visit_;
};

}  // namespace

torch::Tensor Piece::of(const torch::Tensor& fused) const {
  const torch::Tensor part = fused.narrow(0, first, rows);
  return transposed ? part.t() : part;
}

std::vector<std::int64_t> Piece::shape(const std::vector<std::int64_t>& fused) const {
  if (fused.size() == 1) return {rows};
  return transposed ? std::vector{fused[1], rows} : std::vector{rows, fused[1]};
}

void for_each_parameter(Weights& weights, const std::function<void(const Parameter&)>& visit) {
  Walk(weights, visit).run();
}

std::string module_name(const ModelConfig& config, std::string_view tensor) {
  const CheckpointNames& names = family_of(config).names;
  const std::string_view module = tensor.substr(0, tensor.rfind('.'));
  if (module == config.stored_head) return names.heads.front();
  return names.root + std::string(module.substr(config.stored_root.size()));
}

std::vector<BiasTensor> bias_tensors(Weights& weights) {
  std::vector<BiasTensor> list;
  for_each_parameter(weights, [&](const Parameter& parameter) {
    if (!parameter.pieces.front().name.ends_with(".bias")) return;
    list.push_back({parameter.tensor, {}});
    for (const Piece& piece : parameter.pieces) {
      list.back().modules.push_back(
          {module_name(weights.config, piece.name), piece.first, piece.rows, 0});
    }
  });
  return list;
}

std::vector<SlotModule> slot_modules(const ModelConfig& config, std::int64_t layer, Slot slot) {
  const CheckpointNames& names = family_of(config).names;
  const std::string prefix = fmt::format("{}{}{}.", names.root, names.layers, layer);
  std::vector<SlotModule> modules;
  std::int64_t first = 0;
  for (const auto& [name, rows] : slot_rows(config, names, slot)) {
    modules.push_back({prefix + name, first, rows, slot_inputs(config, slot)});
    first += rows;
  }
  return modules;
}

}  // namespace factsweep
