#include "factsweep/adapter/lora.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "factsweep/adapter/finite.hpp"
#include "factsweep/adapter/peft_names.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

namespace fs = std::filesystem;
using torch::Tensor;

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kTensorFile = "adapter_model.safetensors";

Tensor like(const Tensor& tensor, torch::Dtype dtype, bool requires_grad) {
  return torch::empty_like(tensor, tensor.options().dtype(dtype).requires_grad(false))
      .copy_(tensor)
      .set_requires_grad(requires_grad);
}

}  // namespace

LoraAdapter LoraAdapter::unfilled(const LoraConfig& config, const Weights& base,
                                  const std::vector<LoraTarget>& targets) {
  torch::NoGradGuard no_grad;
  LoraAdapter adapter;
  adapter.config_ = config;
  adapter.base_ = base.config;
  const auto options = base.embedding.options().requires_grad(false);
  std::set<std::string> adapted;
  for (std::size_t i = 0; i < targets.size();) {
    const LinearModule& first = targets[i].module;
    LoraSlot slot{first.layer, first.linear, first.linear_name, {}, {}};
    std::int64_t ranks = 0;
    for (; i < targets.size(); ++i) {
      const auto& [module, rank, scale] = targets[i];
      if (module.layer != slot.layer || module.linear != slot.linear) break;
      adapted.insert(module.name);
      slot.parts.push_back({module.name, module.first, module.rows, ranks, rank, scale,
                            config.dropout, torch::zeros({module.rows, rank}, options)});
      ranks += rank;
    }
    slot.A = torch::zeros({ranks, first.inputs}, options);
    adapter.slots_.push_back(std::move(slot));
  }
  adapter.saved_ =
      SavedModules::unfilled(find_saved(config, base.config, "modules_to_save"), base.config, options);
  if (config.bias == LoraBias::none) return adapter;
  Weights view = base;
  for (const BiasTensor& bias : bias_tensors(view)) {
    for (const ModuleRows& module : bias.modules) {
      const bool is_adapted = adapted.count(module.name) != 0;
      if (config.bias == LoraBias::lora_only && !is_adapted) continue;
      adapter.biases_[module.name] = {
          is_adapted, bias.tensor.defined()
                          ? bias.tensor.detach().narrow(0, module.first, module.rows).clone()
                          : torch::empty({module.rows}, options)};
    }
  }
  return adapter;
}

LoraAdapter LoraAdapter::create(const LoraConfig& config, const Weights& base, std::uint64_t seed,
                                const std::string& where) {
  require(config.saved.empty(), "LoraAdapter::create: no module is trained whole");
  LoraAdapter adapter = unfilled(config, base, find_targets(config, base.config, where, true));
  torch::NoGradGuard no_grad;
  for (LoraSlot& slot : adapter.slots_) {
    const double bound = 1 / std::sqrt(static_cast<double>(slot.A.size(1)));
    for (const LoraPart& part : slot.parts) {
      CounterRandom random(hash_words({hash_text("lora"), seed, hash_text(part.module)}));
      const Tensor A = torch::empty({part.rank, slot.A.size(1)}, torch::kFloat32);
      for (std::int64_t i = 0; i < A.numel(); ++i)
        A.data_ptr<float>()[i] = static_cast<float>((2 * random.uniform() - 1) * bound);
      slot.A.narrow(0, part.rank_first, part.rank).copy_(A);
    }
  }
  return adapter;
}

fs::path adapter_directory(const fs::path& directory) {
  std::error_code ignored;
  const bool is_inside = !fs::exists(directory / kConfigFile, ignored) &&
                         fs::exists(directory / "default" / kConfigFile, ignored);
  return is_inside ? directory / "default" : directory;
}

std::string other_base(const LoraConfig& config, const fs::path& model) {
  const auto last = [](const fs::path& path) {
    const fs::path normal = path.lexically_normal();
    return (normal.has_filename() ? normal : normal.parent_path()).filename().string();
  };
  if (config.base_model.empty() || last(config.base_model) == last(model)) return "";
  return fmt::format(
      "the adapter was made for {} (base_model_name_or_path), and is used on {}: that is right only "
      "if they are the same model",
      config.base_model, model.string());
}

namespace {

/// InputError: there is no adapter_config.json. Says where there are some.
void check_adapter_directory(const fs::path& directory) {
  std::error_code ignored;
  if (fs::exists(directory / kConfigFile, ignored)) return;
  if (!fs::is_directory(directory, ignored))
    throw InputError(fmt::format("{}: is no folder. Give a PEFT adapter's, which has {}.",
                                 directory.string(), kConfigFile));
  std::vector<std::string> inside;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, ignored)) {
    if (fs::exists(entry.path() / kConfigFile, ignored))
      inside.push_back(entry.path().filename().string());
  }
  std::sort(inside.begin(), inside.end());
  throw InputError(fmt::format(
      "{}: has no {}, nor has its folder default/, so it is no PEFT adapter.{}", directory.string(),
      kConfigFile,
      inside.empty() ? "" : fmt::format(" Folders in it that are: {}.", fmt::join(inside, ", "))));
}

/// What a tensor of another shape than the base model's suggests.
std::string why_shapes_differ(const LoraConfig& config, const std::string& name,
                              const Tensor& given, const Tensor& wanted) {
  const std::string from = config.base_model.empty()
                               ? "Was the adapter made for another model?"
                               : fmt::format("It was made for {}.", config.base_model);
  const auto parsed = LoraTensor::parse(name);
  if (!parsed) {
    return from +
           " If tokens were added to it, give a base model that has them, too "
           "(resize_token_embeddings).";
  }
  const std::int64_t ranks = parsed->factor == 'A' ? 0 : 1;
  if (given.dim() == 2 && given.size(ranks) != wanted.size(ranks) &&
      given.size(1 - ranks) == wanted.size(1 - ranks))
    return fmt::format("Its rank is {}, and {} says {} there (r, rank_pattern). Correct that.",
                       given.size(ranks), kConfigFile, wanted.size(ranks));
  return from;
}

}  // namespace

LoraConfig read_adapter_config(const fs::path& given, const ModelConfig& base) {
  const fs::path directory = adapter_directory(given);
  check_adapter_directory(directory);
  LoraConfig config = LoraConfig::read(directory / kConfigFile);
  if (!config.keeps_tied || !base.tied_head || config.saved.empty()) return config;
  const std::string place = (directory / kConfigFile).string();
  if (!find_saved(config, base, place).head.empty()) return config;
  const SafetensorsReader reader((directory / kTensorFile).string());
  for (const std::string& head : head_modules(base)) {
    if (!reader.has(saved_tensor(head + ".weight"))) continue;
    config.saved.push_back(head);
    break;
  }
  return config;
}

LoraAdapter LoraAdapter::load(const fs::path& given, const Weights& base) {
  const fs::path directory = adapter_directory(given);
  const std::string file = (directory / kTensorFile).string();
  if (fs::exists(directory / "adapter_model.bin") && !fs::exists(file)) {
    throw InputError(
        fmt::format("{}: only adapter_model.bin is there, a pickle that is not read. Save the "
                    "adapter with PEFT again (safe_serialization, its default).",
                    directory.string()));
  }
  const LoraConfig config = read_adapter_config(directory, base.config);
  const SafetensorsReader reader(file);
  NamedTensors tensors;
  for (const std::string& name : reader.names()) {
    tensors.emplace_back(name, reader.view(name));
    check_finite(file, name, tensors.back().second);
  }
  const std::string place = (directory / kConfigFile).string();
  find_saved(config, base.config, place + ": modules_to_save");
  return of(config, tensors, base, place + ": target_modules", file);
}

LoraAdapter LoraAdapter::of(const LoraConfig& config, const NamedTensors& tensors,
                            const Weights& base, const std::string& config_place,
                            const std::string& tensor_place) {
  LoraAdapter adapter = unfilled(config, base, find_targets(config, base.config, config_place));
  std::map<std::string, Tensor> left(tensors.begin(), tensors.end());
  torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : adapter.named()) {
    auto found = left.find(name);
    if (const auto early = early_bias_tensor(name); found == left.end() && early)
      found = left.find(*early);
    if (found == left.end()) {
      throw InputError(
          fmt::format("{}: the tensor '{}' is missing, which {} asks for on this base model ({}).",
                      tensor_place, name, kConfigFile, base.config.architecture));
    }
    if (found->second.sizes() != tensor.sizes() || !found->second.is_floating_point()) {
      throw InputError(fmt::format(
          "{}: the tensor '{}' is [{}], this base model needs [{}] of real numbers. {}",
          tensor_place, name, fmt::join(found->second.sizes(), ", "),
          fmt::join(tensor.sizes(), ", "), why_shapes_differ(config, name, found->second, tensor)));
    }
    tensor.copy_(found->second);
    left.erase(found);
  }
  if (!left.empty()) {
    throw InputError(
        fmt::format("{}: the tensor '{}' belongs to no module that {} chooses on this base model "
                    "({} such tensors).",
                    tensor_place, left.begin()->first, kConfigFile, left.size()));
  }
  return adapter;
}

void LoraAdapter::save(const fs::path& directory) const {
  write_adapter(directory, config_.json(base_), named());
}

void write_adapter(const fs::path& directory, const std::string& config_json,
                   const NamedTensors& tensors) {
  std::error_code failed;
  fs::create_directories(directory, failed);
  if (failed) {
    throw EnvironmentError(
        fmt::format("{}: cannot create the folder: {}.", directory.string(), failed.message()));
  }
  write_file(directory / kConfigFile, config_json);
  write_safetensors(directory / kTensorFile, tensors, {{"format", "pt"}});
}

NamedTensors LoraAdapter::named() const {
  NamedTensors tensors;
  for (const LoraSlot& slot : slots_) {
    for (const LoraPart& part : slot.parts) {
      tensors.emplace_back(LoraTensor{part.module, 'A'}.name(),
                           slot.A.detach().narrow(0, part.rank_first, part.rank));
      tensors.emplace_back(LoraTensor{part.module, 'B'}.name(), part.B.detach());
    }
  }
  for (const auto& [module, bias] : biases_)
    tensors.emplace_back(bias_tensor(module, bias.adapted), bias.value.detach());
  for (const auto& one : saved_.named()) tensors.push_back(one);
  return tensors;
}

NamedTensors LoraAdapter::parameters() const {
  NamedTensors list;
  for (const LoraSlot& slot : slots_) {
    list.emplace_back(fmt::format("{}.{}.A", slot.layer, slot.name), slot.A);
    for (const LoraPart& part : slot.parts) list.emplace_back(part.module + ".B", part.B);
  }
  for (const auto& [module, bias] : biases_) list.emplace_back(module + ".bias", bias.value);
  return list;
}

LoraAdapter LoraAdapter::clone(torch::Dtype dtype, bool requires_grad) const {
  torch::NoGradGuard no_grad;
  LoraAdapter copy = *this;
  for (LoraSlot& slot : copy.slots_) {
    slot.A = like(slot.A, dtype, requires_grad);
    for (LoraPart& part : slot.parts) part.B = like(part.B, dtype, requires_grad);
  }
  for (auto& [module, bias] : copy.biases_) bias.value = like(bias.value, dtype, requires_grad);
  copy.saved_ = saved_.to(dtype);
  return copy;
}

void LoraAdapter::assign(std::span<const Tensor> source) {
  torch::NoGradGuard no_grad;
  const NamedTensors mine = parameters();
  require(mine.size() == source.size(), "LoraAdapter::assign: another number of tensors");
  for (std::size_t i = 0; i < mine.size(); ++i) mine[i].second.copy_(source[i]);
}

void LoraAdapter::merge(Weights& weights) const {
  torch::NoGradGuard no_grad;
  for (const LoraSlot& slot : slots_) {
    const Tensor matrix =
        weights.layers[static_cast<std::size_t>(slot.layer)].linears[slot.linear].weight;
    for (const LoraPart& part : slot.parts) {
      const Tensor place = matrix.detach().narrow(0, part.first, part.rows);
      const Tensor A = slot.A.narrow(0, part.rank_first, part.rank).to(torch::kFloat32);
      place.copy_(at::addmm(place.to(torch::kFloat32), part.B.to(torch::kFloat32), A, 1, part.scale));
    }
  }
  for (const BiasTensor& bias : bias_tensors(weights)) {
    for (const ModuleRows& module : bias.modules) {
      if (const Tensor value = bias_of(module.name); value.defined())
        bias.tensor.detach().narrow(0, module.first, module.rows).copy_(value);
    }
  }
  saved_.to(weights.embedding.scalar_type()).replace(weights);
}

Tensor LoraAdapter::bias_of(const std::string& module) const {
  const auto found = biases_.find(module);
  return found == biases_.end() ? Tensor() : found->second.value;
}

std::vector<std::pair<std::string, std::vector<std::int64_t>>> adapter_shapes(
    const LoraConfig& config, const ModelConfig& base, const std::string& where) {
  Weights nothing;
  nothing.config = base;
  nothing.embedding = torch::empty({0}, torch::kMeta);  // takes no memory, nor do the adapter's own
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes;
  const LoraAdapter adapter =
      LoraAdapter::unfilled(config, nothing, find_targets(config, base, where, true));
  for (const auto& [name, tensor] : adapter.named())
    shapes.emplace_back(name, tensor.sizes().vec());
  return shapes;
}

}  // namespace factsweep
