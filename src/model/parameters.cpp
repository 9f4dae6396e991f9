#include "parameters.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace factsweep {
namespace {

std::string layer_prefix(const CheckpointNames& names, std::int64_t layer) {
  return fmt::format("{}{}.", names.layers, layer);
}

/// What a layer consists of, as its family says.
std::vector<LayerPart> parts_of(const ModelConfig& config, std::int64_t layer) {
  const Family& family = family_of(config);
  return family.layer(config, family.names, layer);
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
    for (std::size_t i = 0; i < w_.layers.size(); ++i) layer(static_cast<std::int64_t>(i));
    norm(w_.norm, root + names_.norm, c_.width);
    if (!c_.tied_head)
      whole(w_.head, {c_.vocabulary, c_.width}, Init::normal, c_.stored_head + ".weight");
    if (c_.head_bias) whole(w_.head_bias, {c_.vocabulary}, Init::zero, c_.stored_head + ".bias");
  }

 private:
  void layer(std::int64_t i) {
    const std::string prefix = c_.stored_root + layer_prefix(names_, i);
    const std::vector<LayerPart> parts = parts_of(c_, i);
    LayerWeights& layer = w_.layers[static_cast<std::size_t>(i)];
    layer.linears.resize(static_cast<std::size_t>(std::count_if(
        parts.begin(), parts.end(),
        [](const LayerPart& part) { return std::holds_alternative<LinearSpec>(part); })));
    LinearId next = 0;
    for (const LayerPart& part : parts) {
      if (const auto* spec = std::get_if<NormSpec>(&part)) {
        norm_of(layer.*spec->place, prefix, *spec);
      } else if (const auto* number = std::get_if<ScalarSpec>(&part)) {
        scalar(layer.*number->place, prefix + number->name, *number);
      } else if (const auto* matrix = std::get_if<MatrixSpec>(&part)) {
        stacked(layer.*matrix->place, prefix, *matrix);
      } else {
        linear(layer.linears[next++], prefix, std::get<LinearSpec>(part));
      }
    }
  }

  void whole(torch::Tensor& tensor, const std::vector<std::int64_t>& shape, Init init,
             const std::string& name) {
    visit_({tensor, shape, init, {{name, 0, shape.front()}}});
  }

  /// One that stands outside of the layers.
  void norm(Norm& norm, const std::string& name, std::int64_t size) {
    if (!c_.norm_gain) return;
    norm_of(norm, "", {nullptr, name, size, c_.norm == NormKind::layer && c_.norm_bias});
  }

  void norm_of(Norm& norm, const std::string& prefix, const NormSpec& spec) {
    const std::string name = prefix + spec.name;
    const Init init = c_.norm == NormKind::rms_plus_one ? Init::zero : Init::one;
    if (spec.by_head) {
      std::vector<Piece> pieces;
      for (std::int64_t h = 0; h < spec.heads; ++h)
        pieces.push_back({fmt::format("{}.{}.weight", name, h), h * spec.size, spec.size});
      visit_({norm.gain, {spec.heads * spec.size}, init, pieces});
    } else if (spec.heads > 0) {
      whole(norm.gain, {spec.heads, spec.size}, init, name + ".weight");
    } else {
      whole(norm.gain, {spec.size}, init, name + ".weight");
    }
    if (spec.has_bias) whole(norm.bias, {spec.size}, Init::zero, name + ".bias");
  }

  void stacked(torch::Tensor& tensor, const std::string& prefix, const MatrixSpec& spec) {
    std::vector<Piece> pieces;
    std::int64_t outputs = 0;
    for (const auto& [name, rows] : spec.modules) {
      pieces.push_back({prefix + name + ".weight", outputs, rows, names_.transposed});
      outputs += rows;
    }
    visit_({tensor, {outputs, spec.inputs}, spec.init, pieces});
  }

  void scalar(torch::Tensor& tensor, const std::string& name, const ScalarSpec& spec) {
    std::vector<std::int64_t> shape;
    if (!spec.is_constant) shape.push_back(1);
    visit_({tensor, shape, Init::value, {{name, 0, 1}}, spec.initial, spec.is_constant});
  }

  void linear(Linear& linear, const std::string& prefix, const LinearSpec& spec) {
    std::vector<Piece> weights, biases;
    std::int64_t outputs = 0;
    for (const auto& [name, rows] : spec.modules) {
      weights.push_back({prefix + name + ".weight", outputs, rows, names_.transposed});
      biases.push_back({prefix + name + ".bias", outputs, rows});
      outputs += rows;
    }
    visit_({linear.weight, {outputs, spec.inputs}, spec.init, weights});
    if (spec.has_bias) visit_({linear.bias, {outputs}, Init::zero, biases});
  }

  Weights& w_;
  const ModelConfig& c_;
  const CheckpointNames& names_;
  const std::function<void(const Parameter&)>& visit_;
};

}  // namespace

torch::Tensor Piece::of(const torch::Tensor& fused) const {
  if (fused.dim() == 0) return fused;
  const torch::Tensor part = fused.narrow(0, first, rows);
  return transposed ? part.t() : part;
}

std::vector<std::int64_t> Piece::shape(const std::vector<std::int64_t>& fused) const {
  if (fused.empty()) return {};
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
          {module_name(weights.config, piece.name), piece.first, piece.rows});
    }
  });
  return list;
}

std::vector<LinearModule> linear_modules(const ModelConfig& config, std::int64_t layer) {
  const CheckpointNames& names = family_of(config).names;
  const std::string prefix = names.root + layer_prefix(names, layer);
  std::vector<LinearModule> modules;
  LinearId linear = 0;
  for (const LayerPart& part : parts_of(config, layer)) {
    const auto* spec = std::get_if<LinearSpec>(&part);
    if (spec == nullptr) continue;
    std::int64_t first = 0;
    for (const auto& [name, rows] : spec->modules) {
      modules.push_back(
          {{prefix + name, first, rows}, layer, linear, spec->name, name, spec->inputs});
      first += rows;
    }
    ++linear;
  }
  return modules;
}

}  // namespace factsweep
