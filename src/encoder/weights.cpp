#include "weights.hpp"

#include <fmt/format.h>

#include <set>

#include "factsweep/core/error.hpp"
#include "factsweep/model/safetensors.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep::encoder {
namespace {

using torch::Tensor;

/// Takes tensors out of the files one by one, and knows what was left.
class Loader {
 public:
  Loader(const Config& config, const SafetensorsReader& reader, torch::Dtype dtype,
         torch::Device device)
      : c_(config), reader_(reader), dtype_(dtype), device_(device) {
    const std::string words = "embeddings.word_embeddings.weight";
    if (reader.has(c_.family.root + words)) root_ = c_.family.root;
  }

  void embeddings(EncoderWeights& w) {
    w.words = read("embeddings.word_embeddings.weight", {c_.vocabulary, c_.width}, dtype_);
    // added before they are rounded
    w.positions = read("embeddings.position_embeddings.weight", {c_.position_rows, c_.width},
                       torch::kFloat32);
    if (c_.token_types > 0) {
      w.positions += read("embeddings.token_type_embeddings.weight", {c_.token_types, c_.width},
                          torch::kFloat32)[0];
    }
    w.positions = w.positions.to(dtype_);
    w.norm = norm("embeddings.LayerNorm");
    if (c_.family.relative_bias) {
      w.relative_bias =
          read("encoder.relative_attention_bias.weight", {kRelativeBuckets, c_.heads}, dtype_);
    }
  }

  Layer layer(std::int64_t i) {
    const std::string prefix = fmt::format("encoder.layer.{}.", i);
    const std::string attention = prefix + "attention.";
    const Family& names = c_.family;
    Linear parts[] = {linear(attention + names.query, c_.width, c_.width),
                      linear(attention + names.key, c_.width, c_.width),
                      linear(attention + names.value, c_.width, c_.width)};
    Layer layer;
    layer.qkv = {torch::cat({parts[0].weight, parts[1].weight, parts[2].weight}),
                 torch::cat({parts[0].bias, parts[1].bias, parts[2].bias})};
    layer.mixed = linear(attention + names.mixed, c_.width, c_.width);
    layer.mixed_norm = norm(attention + names.mixed_norm);
    layer.up = linear(prefix + "intermediate.dense", c_.mlp_width, c_.width);
    layer.down = linear(prefix + "output.dense", c_.width, c_.mlp_width);
    layer.norm = norm(prefix + "output.LayerNorm");
    return layer;
  }

  /// A tensor that nobody took is a sign of a config.json of another model.
  void check_rest() const {
    for (const std::string& name : reader_.names()) {
      const bool unused = name.starts_with(root_ + "pooler.") || name.ends_with("position_ids") ||
                          name.starts_with("cls.") || name.starts_with("lm_head.");
      if (unused || taken_.count(name) != 0) continue;
      throw InputError(
          fmt::format("{}: tensor '{}' has no place in a {} of {} layers. Is config.json of the "
                      "same model?",
                      reader_.file_of(name), name, c_.architecture, c_.layers));
    }
  }

 private:
  Tensor read(const std::string& name, const std::vector<std::int64_t>& shape, torch::Dtype dtype) {
    Tensor tensor = reader_.read(root_ + name, shape, dtype, device_);
    reader_.release(root_ + name);
    taken_.insert(root_ + name);
    return tensor;
  }

  Linear linear(const std::string& name, std::int64_t out, std::int64_t in) {
    return {read(name + ".weight", {out, in}, dtype_), read(name + ".bias", {out}, dtype_)};
  }

  /// Checkpoints converted from TensorFlow keep its names of gain and bias.
  Norm norm(const std::string& name) {
    const bool old = reader_.has(root_ + name + ".gamma");
    return {read(name + (old ? ".gamma" : ".weight"), {c_.width}, dtype_),
            read(name + (old ? ".beta" : ".bias"), {c_.width}, dtype_)};
  }

  const Config& c_;
  const SafetensorsReader& reader_;
  torch::Dtype dtype_;
  torch::Device device_;
  std::string root_;
  std::set<std::string> taken_;
};

}  // namespace

EncoderWeights EncoderWeights::load(const std::filesystem::path& directory, torch::Dtype dtype,
                                    torch::Device device) {
  torch::NoGradGuard no_grad;
  EncoderWeights w;
  w.config = Config::read(directory);
  const SafetensorsReader reader = SafetensorsReader::open_directory(directory);
  Loader loader(w.config, reader, dtype, device);
  loader.embeddings(w);
  for (std::int64_t i = 0; i < w.config.layers; ++i) w.layers.push_back(loader.layer(i));
  loader.check_rest();
  return w;
}

}  // namespace factsweep::encoder
