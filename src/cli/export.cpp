// `factsweep export`: the fine-tuned model of one point as a Hugging Face directory, or its LoRA
// adapter as a PEFT directory.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/cli/commands.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/model/fingerprint.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/model/weights.hpp"
#include "factsweep/moe/moe.hpp"
#include "factsweep/store/stored_weights.hpp"
#include "flags.hpp"

namespace factsweep::cli {
namespace po = boost::program_options;
namespace fs = std::filesystem;
namespace {

/// Everything of a model directory that is not weights: the tokenizer's files,
/// generation_config.json, ...
void copy_companions(const fs::path& from, const fs::path& to) {
  for (const auto& entry : fs::directory_iterator(from)) {
    const std::string file = entry.path().filename().string();
    if (!entry.is_regular_file() || file == "config.json" ||
        file.find("safetensors") != std::string::npos || file.find(".bin") != std::string::npos)
      continue;
    std::error_code failed;
    fs::copy_file(entry.path(), to / file, fs::copy_options::overwrite_existing, failed);
    if (failed)
      throw EnvironmentError(fmt::format("{}: cannot be copied to {}: {}.", entry.path().string(),
                                         to.string(), failed.message()));
  }
}

/// An adapter of a K-shot study's bank.
StoredWeights read_bank_adapter(const std::string& file, const std::string& adapter) {
  const std::optional<Array> bank = find_dataset(file, "/bank/name", DType::text);
  if (!bank)
    throw InputError(fmt::format("{}: holds no bank of adapters; it is no K-shot study's.", file));
  const std::vector<std::string> names = bank->as_text();
  const auto found = std::find(names.begin(), names.end(), adapter);
  if (found == names.end())
    throw InputError(fmt::format("{}: its bank has no '{}'. It has: {}.", file, adapter,
                                 fmt::join(names, ", ")));
  const std::optional<Array> usable = find_dataset(file, "/bank/usable", DType::uint8);
  if (!usable || usable->as<std::uint8_t>()[static_cast<std::size_t>(found - names.begin())] != 1)
    throw InputError(fmt::format(
        "{}: the adapter '{}' is not trained yet, or its training diverged.", file, adapter));
  return read_weights_group(file, "/bank/" + adapter);
}

/// A text that says what the tensors are; empty where there is none.
std::string about(const StoredWeights& weights, const char* name) {
  const auto found = weights.about.find(name);
  return found == weights.about.end() ? "" : found->second;
}

/// InputError: `model` is a model directory with other weights than those that the sweep changed.
void check_base(const StoredWeights& weights, const std::string& model, const std::string& file,
                const std::string& what) {
  const std::string wanted = about(weights, kBaseFingerprint);
  std::error_code ignored;
  // a PEFT directory may name a model of a hub
  if (model.empty() || !fs::is_directory(model, ignored)) return;
  if (wanted.empty()) {
    console::info("{} does not say which model its weights belong to, as it is an older file: {} "
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

void add_deltas(const Weights& weights, const std::vector<StoredTensor>& deltas,
                const std::string& model) {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& [name, tensor] : weights.named()) tensors[name] = tensor;
  for (const StoredTensor& delta : deltas) {
    const auto found = tensors.find(delta.name);
    const std::vector<std::int64_t> shape(delta.shape.begin(), delta.shape.end());
    if (found == tensors.end() || found->second.sizes() != at::IntArrayRef(shape)) {
      throw InputError(
          fmt::format("{}: has no tensor '{}' of the delta's shape. Give the base model that the "
                      "sweep fine-tuned.",
                      model, delta.name));
    }
    found->second.add_(torch::from_blob(const_cast<std::byte*>(delta.values.bytes.data()), shape,
                                        torch::kFloat32));
  }
}

NamedTensors adapter_tensors(const StoredWeights& deltas) {
  NamedTensors tensors;
  for (const StoredTensor& delta : deltas.tensors) {
    const std::vector<std::int64_t> shape(delta.shape.begin(), delta.shape.end());
    tensors.emplace_back(delta.name,
                         torch::from_blob(const_cast<std::byte*>(delta.values.bytes.data()), shape,
                                          torch::kFloat32));
  }
  return tensors;
}

/// `model` replaces the base model's path of the deck unless it is empty.
void write_peft(const StoredWeights& deltas, const std::string& model, torch::Dtype dtype,
                const std::string& output) {
  auto config = nlohmann::ordered_json::parse(about(deltas, kAdapterConfig));
  if (!model.empty()) config["base_model_name_or_path"] = model;
  NamedTensors tensors = adapter_tensors(deltas);
  for (auto& [name, tensor] : tensors) tensor = tensor.to(dtype);
  write_adapter(output, config.dump(2) + "\n", tensors);
}

void write_experts(const StoredWeights& deltas, torch::Dtype dtype, const std::string& output) {
  NamedTensors tensors = adapter_tensors(deltas);
  for (auto& [name, tensor] : tensors) tensor = tensor.to(dtype);
  write_mixture(output, about(deltas, kMixtureConfig), tensors);
}

void write_hf(const StoredWeights& deltas, const std::string& model, const std::string& dtype,
              const std::string& output) {
  Weights weights = Weights::load(model, torch::kFloat32, torch::kCPU);
  const std::string adapter_config = about(deltas, kAdapterConfig);
  if (adapter_config.empty()) {
    add_deltas(weights, deltas.tensors, model);
  } else {
    LoraAdapter::of(LoraConfig::parse(adapter_config, "the run's adapter_config"),
                    adapter_tensors(deltas), weights, model, model)
        .merge(weights);
  }
  Weights written = weights.clone(parse_dtype(dtype));
  for (const char* key : {"torch_dtype", "dtype"}) {
    if (written.config.source.contains(key)) written.config.source[key] = dtype;
  }
  written.save(output);
  copy_companions(model, output);
}

}  // namespace

ExitCode export_point(const Words& words) {
  std::string file, point, adapter, output, model, when = "final", format = "auto",
                                                   dtype = "float32";
  po::options_description options;
  options.add_options()("file", po::value(&file)->required(),
                        "results file; may stand without --file")(
      "point", po::value(&point), "id of the point, as in /points/id")(
      "adapter", po::value(&adapter), "or an adapter of a K-shot study's bank, as in /bank/name")(
      "output", po::value(&output)->required(), "folder to write")(
      "model", po::value(&model),
      "base model directory; in a PEFT directory it replaces the deck's model.path")(
      "when", po::value(&when)->default_value(when), "final | early_stop")(
      "format", po::value(&format)->default_value(format),
      "hf: a whole model directory (LoRA: merged); peft: a LoRA adapter; auto: peft for LoRA "
      "points, "
      "hf for others")("dtype", po::value(&dtype)->default_value(dtype),
                       "float32 | bfloat16 of the written weights");
  Words rest = words;
  if (!rest.empty() && !rest.front().starts_with("--")) rest.front() = "--file=" + rest.front();
  po::variables_map flags;
  if (!parse_flags("factsweep export FILE (--point ID | --adapter NAME) --output DIR [--model DIR]",
                   options, rest, flags))
    return ExitCode::done;
  if (when != "final" && when != "early_stop")
    throw InputError(fmt::format("command line: --when = '{}' is not final or early_stop.", when));
  if (format != "auto" && format != "hf" && format != "peft")
    throw InputError(fmt::format("command line: --format = '{}' is not auto, hf or peft.", format));
  if (dtype != "float32" && dtype != "bfloat16")
    throw InputError(
        fmt::format("command line: --dtype = '{}' is not float32 or bfloat16.", dtype));
  if (point.empty() == adapter.empty())
    throw InputError("command line: export needs either --point or --adapter.");
  const StoredWeights deltas =
      adapter.empty() ? read_weights(file, point, when) : read_bank_adapter(file, adapter);
  const std::string& what = adapter.empty() ? point : adapter;
  check_base(deltas, model, file, what);
  const bool lora = !about(deltas, kAdapterConfig).empty(),
             mixture = !about(deltas, kMixtureConfig).empty();
  if (format == "auto") format = mixture ? "moe" : lora ? "peft" : "hf";
  torch::NoGradGuard no_grad;
  if (mixture) {
    if (format != "moe")
      throw InputError(fmt::format(
          "{}: point '{}' is a mixture of experts, which no {} directory can hold. Leave --format "
          "out.",
          file, point, format));
    write_experts(deltas, parse_dtype(dtype), output);
    console::info("{} of {} as a mixture of experts in {}; generate and score take it as --adapter",
                  what, file, output);
    return ExitCode::done;
  }
  if (format == "peft") {
    if (!lora) {
      throw InputError(fmt::format(
          "{}: point '{}' was fully fine-tuned, which leaves no adapter. Use --format hf.", file,
          point));
    }
    write_peft(deltas, model, parse_dtype(dtype), output);
    console::info("{} of {} as a PEFT adapter in {}", what, file, output);
    return ExitCode::done;
  }
  if (model.empty())
    throw InputError("command line: --format hf needs --model, the base that was fine-tuned.");
  write_hf(deltas, model, dtype, output);
  console::info("{} of {} as a Hugging Face model in {}", what, file, output);
  return ExitCode::done;
}

}  // namespace factsweep::cli
