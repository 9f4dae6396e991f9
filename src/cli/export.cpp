// `factsweep export`: the fine-tuned model of one point as a Hugging Face directory.
#include <fmt/format.h>
#include <torch/torch.h>

#include <map>

#include "factsweep/cli/commands.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/model/weights.hpp"
#include "factsweep/store/store.hpp"
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

void add_deltas(const Weights& weights, const std::vector<StoredDelta>& deltas,
                const std::string& model) {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& [name, tensor] : weights.named()) tensors[name] = tensor;
  for (const StoredDelta& delta : deltas) {
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

}  // namespace

ExitCode export_point(const Words& words) {
  std::string file, point, output, model, when = "final", format = "hf", dtype = "float32";
  po::options_description options;
  options.add_options()("file", po::value(&file)->required(),
                        "results file; may stand without --file")(
      "point", po::value(&point)->required(), "id of the point, as in /points/id")(
      "output", po::value(&output)->required(), "folder to write")(
      "model", po::value(&model)->required(), "base model directory")(
      "when", po::value(&when)->default_value(when), "final | early_stop")(
      "format", po::value(&format)->default_value(format), "hf: a whole model directory")(
      "dtype", po::value(&dtype)->default_value(dtype),
      "float32 | bfloat16 of the written weights");
  Words rest = words;
  if (!rest.empty() && !rest.front().starts_with("--")) rest.front() = "--file=" + rest.front();
  po::variables_map flags;
  if (!parse_flags("factsweep export FILE --point ID --model DIR --output DIR", options, rest,
                   flags))
    return ExitCode::done;
  if (when != "final" && when != "early_stop")
    throw InputError(fmt::format("command line: --when = '{}' is not final or early_stop.", when));
  if (format != "hf")
    throw InputError(
        fmt::format("command line: --format = '{}' is not hf: full fine-tuning leaves no low-rank "
                    "adapter to export.",
                    format));
  if (dtype != "float32" && dtype != "bfloat16")
    throw InputError(
        fmt::format("command line: --dtype = '{}' is not float32 or bfloat16.", dtype));
  const std::vector<StoredDelta> deltas = read_deltas(file, point, when);
  Weights weights = Weights::load(model, torch::kFloat32, torch::kCPU);
  torch::NoGradGuard no_grad;
  add_deltas(weights, deltas, model);
  Weights written = weights.clone(parse_dtype(dtype));
  for (const char* key : {"torch_dtype", "dtype"}) {
    if (written.config.source.contains(key)) written.config.source[key] = dtype;
  }
  written.save(output);
  copy_companions(model, output);
  console::info("{} of {} as a Hugging Face model in {}", point, file, output);
  return ExitCode::done;
}

}  // namespace factsweep::cli
