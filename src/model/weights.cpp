#include "factsweep/model/weights.hpp"

#include <torch/torch.h>

#include <cmath>
#include <fstream>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/random.hpp"

namespace factsweep {
namespace {

/// Calls visit(name, fused tensor, first row, rows, columns) for every Hugging Face tensor; columns
/// 0 marks a vector.
template <typename Visit>
void for_each_tensor(Weights& w, Visit visit) {
  const ModelConfig& c = w.config;
  const std::int64_t q = c.heads * c.head_size, kv = c.kv_heads * c.head_size;
  visit("model.embed_tokens.weight", w.embedding, 0, c.vocabulary, c.width);
  w.layers.resize(static_cast<std::size_t>(c.layers));
  for (std::size_t i = 0; i < w.layers.size(); ++i) {
    LayerWeights& layer = w.layers[i];
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    visit(prefix + "input_layernorm.weight", layer.norm_attention, 0, c.width, 0);
    visit(prefix + "self_attn.q_proj.weight", layer.qkv, 0, q, c.width);
    visit(prefix + "self_attn.k_proj.weight", layer.qkv, q, kv, c.width);
    visit(prefix + "self_attn.v_proj.weight", layer.qkv, q + kv, kv, c.width);
    visit(prefix + "self_attn.o_proj.weight", layer.output, 0, c.width, q);
    visit(prefix + "post_attention_layernorm.weight", layer.norm_mlp, 0, c.width, 0);
    visit(prefix + "mlp.gate_proj.weight", layer.gate_up, 0, c.mlp_width, c.width);
    visit(prefix + "mlp.up_proj.weight", layer.gate_up, c.mlp_width, c.mlp_width, c.width);
    visit(prefix + "mlp.down_proj.weight", layer.down, 0, c.width, c.mlp_width);
  }
  visit("model.norm.weight", w.norm, 0, c.width, 0);
  if (!c.tied_head) visit("lm_head.weight", w.head, 0, c.vocabulary, c.width);
}

void allocate(Weights& w, torch::TensorOptions options) {
  const ModelConfig& c = w.config;
  const std::int64_t q = c.heads * c.head_size, kv = c.kv_heads * c.head_size;
  w.embedding = torch::empty({c.vocabulary, c.width}, options);
  w.layers.resize(static_cast<std::size_t>(c.layers));
  for (LayerWeights& layer : w.layers) {
    layer.norm_attention = torch::ones({c.width}, options);
    layer.qkv = torch::empty({q + 2 * kv, c.width}, options);
    layer.output = torch::empty({c.width, q}, options);
    layer.norm_mlp = torch::ones({c.width}, options);
    layer.gate_up = torch::empty({2 * c.mlp_width, c.width}, options);
    layer.down = torch::empty({c.width, c.mlp_width}, options);
  }
  w.norm = torch::ones({c.width}, options);
  w.head = c.tied_head ? w.embedding : torch::empty({c.vocabulary, c.width}, options);
}

}  // namespace

Weights Weights::load(const std::filesystem::path& directory, torch::Dtype dtype,
                      torch::Device device) {
  torch::NoGradGuard no_grad;
  Weights w;
  w.config = ModelConfig::read(directory);
  const SafetensorsReader reader = SafetensorsReader::open_directory(directory);
  allocate(w, torch::TensorOptions().dtype(dtype).device(device));
  for_each_tensor(w, [&](const std::string& name, torch::Tensor& fused, std::int64_t first,
                         std::int64_t rows, std::int64_t columns) {
    const std::vector<std::int64_t> shape =
        columns == 0 ? std::vector{rows} : std::vector{rows, columns};
    fused.narrow(0, first, rows).copy_(reader.read(name, shape, dtype, device));
  });
  return w;
}

Weights Weights::random(const ModelConfig& config, std::uint64_t seed) {
  torch::NoGradGuard no_grad;
  Weights w;
  w.config = config;
  allocate(w, torch::kFloat32);
  auto generator = torch::make_generator<torch::CPUGeneratorImpl>(seed);
  const double residual = 0.02 / std::sqrt(2.0 * static_cast<double>(config.layers));
  w.embedding.normal_(0, 0.02, generator);
  for (LayerWeights& layer : w.layers) {
    layer.qkv.normal_(0, 0.02, generator);
    layer.output.normal_(0, residual, generator);
    layer.gate_up.normal_(0, 0.02, generator);
    layer.down.normal_(0, residual, generator);
  }
  if (!config.tied_head) w.head.normal_(0, 0.02, generator);
  return w;
}

NamedTensors Weights::named() const {
  NamedTensors tensors;
  Weights view = *this;
  for_each_tensor(view, [&](const std::string& name, torch::Tensor& fused, std::int64_t first,
                            std::int64_t rows, std::int64_t) {
    tensors.emplace_back(name, fused.detach().narrow(0, first, rows));
  });
  return tensors;
}

std::vector<torch::Tensor> Weights::parameters() const {
  std::vector<torch::Tensor> list = {embedding};
  for (const LayerWeights& layer : layers) {
    list.insert(list.end(), {layer.norm_attention, layer.qkv, layer.output, layer.norm_mlp,
                             layer.gate_up, layer.down});
  }
  list.push_back(norm);
  if (!config.tied_head) list.push_back(head);
  return list;
}

Weights Weights::clone(torch::Dtype dtype, bool requires_grad) const {
  torch::NoGradGuard no_grad;
  Weights copy;
  copy.config = config;
  allocate(copy, embedding.options().dtype(dtype).requires_grad(false));
  copy.assign(parameters());
  for (torch::Tensor& parameter : copy.parameters()) parameter.set_requires_grad(requires_grad);
  return copy;
}

void Weights::assign(const std::vector<torch::Tensor>& source) {
  torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> mine = parameters();
  require(mine.size() == source.size(), "Weights::assign: another number of tensors");
  for (std::size_t i = 0; i < mine.size(); ++i) mine[i].copy_(source[i]);
}

void Weights::save(const std::filesystem::path& directory) const {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed)
    throw EnvironmentError(directory.string() + ": cannot create the folder: " + failed.message() +
                           ".");
  write_file(directory / "config.json", config.source.dump(2) + "\n");
  write_safetensors(directory / "model.safetensors", named(), {{"format", "pt"}});
}

std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensor_shapes(
    const ModelConfig& config) {
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes;
  Weights nothing;
  nothing.config = config;
  for_each_tensor(nothing, [&](const std::string& name, torch::Tensor&, std::int64_t,
                               std::int64_t rows, std::int64_t columns) {
    shapes.emplace_back(name, columns == 0 ? std::vector{rows} : std::vector{rows, columns});
  });
  return shapes;
}

torch::Dtype parse_dtype(std::string_view name) {
  require(name == "float32" || name == "bfloat16", "dtype is float32 or bfloat16");
  return name == "float32" ? torch::kFloat32 : torch::kBFloat16;
}

}  // namespace factsweep
