#include "factsweep/desk/written_weights.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <set>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/fingerprint.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/model/weights.hpp"
#include "factsweep/moe/moe.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

/// Everything of a model directory that is not weights: the tokenizer's files,
/// generation_config.json, ...
std::vector<std::string> companions(const fs::path& model) {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(model)) {
    const std::string file = entry.path().filename().string();
    if (entry.is_regular_file() && file != "config.json" &&
        file.find("safetensors") == std::string::npos && file.find(".bin") == std::string::npos)
      files.push_back(file);
  }
  return files;
}

void copy_companions(const fs::path& from, const fs::path& to) {
  for (const std::string& file : companions(from)) {
    std::error_code failed;
    fs::copy_file(from / file, to / file, fs::copy_options::overwrite_existing, failed);
    if (failed)
      throw EnvironmentError(fmt::format("{}: cannot be copied to {}: {}.", (from / file).string(),
                                         to.string(), failed.message()));
  }
}

/// What an export finds in its folder may be what an earlier one of the same kind wrote, in whose
/// place it comes; whatever else were there would be taken for a part of it. InputError.
void check_folder(const fs::path& folder, const std::vector<std::string>& written) {
  std::error_code ignored;
  if (!fs::exists(folder, ignored)) return;
  if (!fs::is_directory(folder, ignored))
    throw InputError(
        fmt::format("command line: --output = '{}' is a file. Name a folder.", folder.string()));
  std::set<std::string> others;
  for (const auto& entry : fs::directory_iterator(folder))
    others.insert(entry.path().filename().string());
  for (const std::string& file : written) others.erase(file);
  if (others.empty()) return;
  throw InputError(
      fmt::format("command line: --output = '{}' holds {}, which is not of this export and would "
                  "be mixed up with it. Name another folder, or empty this one.",
                  folder.string(), *others.begin()));
}

// In the config.json of a model that was written here.
constexpr const char *kExportedBy = "exported_by", *kFactsweep = "factsweep";

/// A text that says what the tensors are; empty where there is none.
std::string about(const StoredWeights& weights, const char* name) {
  const auto found = weights.about.find(name);
  return found == weights.about.end() ? "" : found->second;
}

/// Of stored weights, in their memory.
torch::Tensor tensor_of(const StoredTensor& stored) {
  const std::vector<std::int64_t> shape(stored.shape.begin(), stored.shape.end());
  return torch::from_blob(const_cast<std::byte*>(stored.values.bytes.data()), shape,
                          torch::kFloat32);
}

void add_deltas(const Weights& weights, const std::vector<StoredTensor>& deltas,
                const std::string& model) {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& [name, tensor] : weights.named()) tensors[name] = tensor;
  for (const StoredTensor& delta : deltas) {
    const auto found = tensors.find(delta.name);
    const torch::Tensor added = tensor_of(delta);
    if (found == tensors.end() || found->second.sizes() != added.sizes()) {
      throw InputError(
          fmt::format("{}: has no tensor '{}' of the delta's shape. Give the base model that the "
                      "sweep fine-tuned.",
                      model, delta.name));
    }
    found->second.add_(added);
  }
}

NamedTensors tensors_of(const StoredWeights& weights, torch::Dtype dtype) {
  NamedTensors tensors;
  for (const StoredTensor& stored : weights.tensors)
    tensors.emplace_back(stored.name, tensor_of(stored).to(dtype));
  return tensors;
}

}  // namespace

WeightsKind kind_of(const StoredWeights& weights) {
  if (!about(weights, kMixtureConfig).empty()) return WeightsKind::mixture;
  return about(weights, kAdapterConfig).empty() ? WeightsKind::deltas : WeightsKind::adapter;
}

std::string why_no_adapter(const StoredWeights& weights) {
  return about(weights, kNoAdapter);
}

void check_base(const StoredWeights& weights, const std::string& model, const std::string& file,
                const std::string& what) {
  const std::string wanted = about(weights, kBaseFingerprint);
  std::error_code ignored;
  // a PEFT directory may name a model of a hub
  if (model.empty() || !fs::is_directory(model, ignored)) return;
  if (wanted.empty()) {
    console::info(
        "{} does not say which model its weights belong to, as it is an older file: {} "
        "is not checked",
        file, model);
    return;
  }
  const std::string given = weights_fingerprint(model);
  if (given == wanted) return;
  throw InputError(fmt::format(
      "command line: --model = '{}' is not the model that '{}' of {} was made from: its weights' "
      "fingerprint is {}, that of the run's model was {}. Give the model that the run had as {}.",
      model, what, file, given, wanted, about(weights, kBaseModel)));
}

void write_peft(const StoredWeights& weights, const std::string& model, const std::string& dtype,
                const std::string& output) {
  check_folder(output, {"adapter_config.json", "adapter_model.safetensors"});
  auto config = nlohmann::ordered_json::parse(about(weights, kAdapterConfig));
  if (!model.empty()) config["base_model_name_or_path"] = model;
  write_adapter(output, config.dump(2) + "\n", tensors_of(weights, parse_dtype(dtype)));
}

void write_experts(const StoredWeights& weights, const std::string& dtype,
                   const std::string& output) {
  check_folder(output, {kMixtureFile, kMixtureTensorFile});
  const std::string config = about(weights, kMixtureConfig);
  write_mixture(output, config,
                mixture_tensors(config, tensors_of(weights, parse_dtype(dtype)),
                                "the run's mixture_config"));
}

namespace {

/// The config.json of a model that was written here; nothing: there is no such model.
std::optional<nlohmann::json> exported_config(const std::string& model) {
  const fs::path file = fs::path(model) / "config.json";
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::nullopt;
  nlohmann::json config = read_json(file);
  if (!config.is_object() || config.value(kExportedBy, "") != kFactsweep) return std::nullopt;
  return config;
}

/// check_folder() of a whole model. InputError: there is another model, or the base itself.
void check_model_folder(const std::string& output, const std::string& model) {
  std::error_code ignored;
  std::vector<std::string> written = companions(model);
  const bool is_base = fs::equivalent(output, model, ignored);
  if (!is_base && exported_config(output))
    written.insert(written.end(), {"config.json", "model.safetensors"});
  check_folder(output, written);
}

}  // namespace

void write_model(const StoredWeights& stored, const std::string& model, const std::string& dtype,
                 const std::string& output) {
  torch::NoGradGuard no_grad;
  Weights weights = Weights::load(model, torch::kFloat32, torch::kCPU);
  check_model_folder(output, model);
  const std::string adapter_config = about(stored, kAdapterConfig);
  if (adapter_config.empty()) {
    add_deltas(weights, stored.tensors, model);
  } else {
    LoraAdapter::of(LoraConfig::parse(adapter_config, "the run's adapter_config"),
                    tensors_of(stored, torch::kFloat32), weights, model, model)
        .merge(weights);
  }
  Weights written = weights.clone(parse_dtype(dtype));
  nlohmann::json& config = written.config.source;
  config[config.contains("dtype") ? "dtype" : "torch_dtype"] = dtype;
  if (config.contains("torch_dtype")) config["torch_dtype"] = dtype;
  config[kExportedBy] = kFactsweep;
  written.save(output);
  copy_companions(model, output);
}

std::string exported_dtype(const std::string& model) {
  const std::optional<nlohmann::json> config = exported_config(model);
  if (!config) return "";
  for (const char* key : {"dtype", "torch_dtype"}) {
    const std::string dtype = config->value(key, "");
    if (dtype == "float32" || dtype == "bfloat16") return dtype;
  }
  return "";
}

}  // namespace factsweep
