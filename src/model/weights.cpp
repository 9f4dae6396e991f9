#include "factsweep/model/weights.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/folder.hpp"
#include "factsweep/model/torch.hpp"
#include "parameters.hpp"

namespace factsweep {
namespace {

void allocate(Weights& w, torch::TensorOptions options) {
  for_each_parameter(w, [&](const Parameter& parameter) {
    parameter.tensor = torch::empty(parameter.shape, options);
  });
  if (w.config.tied_head) w.head = w.embedding;
}

/// Before anything is allocated: a damaged config.json must not ask for a terabyte.
void check_tensors(const ModelConfig& config, const SafetensorsReader& reader) {
  std::set<std::string> known;
  for (const auto& [name, shape] : tensor_shapes(config)) {
    reader.check(name, shape);
    known.insert(name);
  }
  const CheckpointNames& names = family_of(config).names;
  const std::string head = config.stored_head + ".weight";
  for (const std::string& name : reader.names()) {
    if (known.count(name) != 0 || (config.tied_head && name == head)) continue;
    const bool buffer = std::any_of(names.buffers.begin(), names.buffers.end(),
                                    [&](const std::string& end) { return name.ends_with(end); });
    if (buffer) continue;
    throw InputError(
        fmt::format("{}: tensor '{}' has no place in a {} of {} layers. Is config.json of the same "
                    "model?",
                    reader.file_of(name), name, config.architecture, config.layers));
  }
}

/// Some files repeat a tied head; another one would be dropped in silence.
void check_tied_head(const Weights& w, const SafetensorsReader& reader) {
  const std::string head = w.config.stored_head + ".weight";
  if (!w.config.tied_head || !reader.has(head)) return;
  reader.check(head, {w.config.vocabulary, w.config.width});
  const std::string embedding = w.named().front().first;
  if (!torch::equal(reader.view(head), reader.view(embedding))) {
    throw InputError(fmt::format(
        "{}: '{}' differs from '{}' although config.json ties them (tie_word_embeddings).",
        reader.file_of(head), head, embedding));
  }
}

}  // namespace

Weights Weights::load(const std::filesystem::path& directory, torch::Dtype dtype,
                      torch::Device device) {
  torch::NoGradGuard no_grad;
  Weights w;
  w.config = ModelConfig::read(directory);
  const SafetensorsReader reader = SafetensorsReader::open_directory(directory);
  check_tensors(w.config, reader);
  allocate(w, torch::TensorOptions().dtype(dtype).device(device));
  for_each_parameter(w, [&](const Parameter& parameter) {
    for (const Piece& piece : parameter.pieces) {
      piece.of(parameter.tensor).copy_(reader.view(piece.name));
      reader.release(piece.name);
    }
  });
  check_tied_head(w, reader);
  return w;
}

bool has_weights(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / "model.safetensors") ||
         std::filesystem::exists(folder / "model.safetensors.index.json");
}

void check_weights(const std::filesystem::path& folder) {
  check_tensors(ModelConfig::read(folder), SafetensorsReader::open_directory(folder));
}

Weights Weights::random(const ModelConfig& config, std::uint64_t seed) {
  torch::NoGradGuard no_grad;
  Weights w;
  w.config = config;
  allocate(w, torch::kFloat32);
  auto generator = torch::make_generator<torch::CPUGeneratorImpl>(seed);
  const double residual = 0.02 / std::sqrt(2.0 * static_cast<double>(config.layers));
  for_each_parameter(w, [&](const Parameter& parameter) {
    if (parameter.init == Init::value) {
      parameter.tensor.fill_(parameter.value);
    } else if (parameter.init == Init::zero || parameter.init == Init::one) {
      parameter.tensor.fill_(parameter.init == Init::one ? 1 : 0);
    } else {
      parameter.tensor.normal_(0, parameter.init == Init::normal ? 0.02 : residual, generator);
    }
  });
  return w;
}

NamedTensors Weights::named() const {
  NamedTensors tensors;
  Weights view = *this;
  for_each_parameter(view, [&](const Parameter& parameter) {
    for (const Piece& piece : parameter.pieces)
      tensors.emplace_back(piece.name, piece.of(parameter.tensor.detach()));
  });
  return tensors;
}

std::vector<torch::Tensor> Weights::parameters() const {
  std::vector<torch::Tensor> list;
  Weights view = *this;
  for_each_parameter(view, [&](const Parameter& parameter) {
    if (!parameter.is_constant) list.push_back(parameter.tensor);
  });
  return list;
}

Weights Weights::clone(torch::Dtype dtype, bool requires_grad) const {
  torch::NoGradGuard no_grad;
  Weights copy;
  copy.config = config;
  allocate(copy, embedding.options().dtype(dtype).requires_grad(false));
  copy.assign(parameters());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    for (const auto constant : {&LayerWeights::xielu_beta, &LayerWeights::xielu_epsilon}) {
      if ((layers[i].*constant).defined()) (copy.layers[i].*constant).copy_(layers[i].*constant);
    }
  }
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
  require(adapter == nullptr, "Weights::save: the adapter would be lost");
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
  for_each_parameter(nothing, [&](const Parameter& parameter) {
    for (const Piece& piece : parameter.pieces)
      shapes.emplace_back(piece.name, piece.shape(parameter.shape));
  });
  return shapes;
}

torch::Dtype parse_dtype(std::string_view name) {
  require(name == "float32" || name == "bfloat16", "dtype is float32 or bfloat16");
  return name == "float32" ? torch::kFloat32 : torch::kBFloat16;
}

}  // namespace factsweep
